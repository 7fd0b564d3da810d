package codec

import (
	"testing"
)

// FuzzRecipients: each accepted line names one recipient.
func FuzzRecipients(f *testing.F) {
	f.Add("# a comment\nage1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj\n")
	f.Add("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN me@host")
	f.Add("age1 age1")
	f.Fuzz(func(t *testing.T, text string) {
		list, names, err := parseRecipients([]string{text})
		if err == nil && (len(list) == 0 || len(list) != len(names)) {
			t.Fatalf("%d recipients of %d lines", len(list), len(names))
		}
	})
}

// FuzzIdentities: an identity file is read or refused, and no error repeats a secret.
func FuzzIdentities(f *testing.F) {
	f.Add("AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX\n")
	f.Add("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n-----END OPENSSH PRIVATE KEY-----\n")
	f.Fuzz(func(t *testing.T, text string) {
		ids := &identities{}
		if err := ids.add(text, nil); err == nil && len(ids.list) == 0 {
			t.Fatal("nothing was read, and no error")
		}
	})
}
