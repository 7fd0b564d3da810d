package config

import (
	"errors"
	"strings"
	"testing"
)

// FuzzSettings: a settings file is refused as ErrSetting, or each of its values reads the same from the environment.
func FuzzSettings(f *testing.F) {
	for _, text := range []string{"lease: 1m\n", "lease: 1m\nlease: 2m\n", "peer_cap: true\n", "min_free: 512MiB\n", "Lease: 1m\n", "lease:\n", "a: &x 1\nb: *x\n", "{lease: 1s}", "--- {}\n---\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		values, err := parseFile("config.yaml", data)
		if err != nil {
			if !errors.Is(err, ErrSetting) {
				t.Fatalf("%v is not an ErrSetting", err)
			}
			return
		}
		for name := range values {
			if _, known := lookup(name); !known {
				t.Fatalf("%q is set and no setting", name)
			}
		}
	})
}

// FuzzEnvironment: a variable of ours is understood, recognized as another one, or refused.
func FuzzEnvironment(f *testing.F) {
	f.Add("LEASE", "1m")
	f.Add("LEASE ", "1m")
	f.Add("lease", "1m")
	f.Add("SERVICE_HOST", "10.0.0.1")
	f.Fuzz(func(t *testing.T, name, value string) {
		if strings.ContainsAny(name, "=\x00") {
			t.Skip()
		}
		values, err := environment([]string{prefix + name + "=" + value})
		if err != nil {
			if !errors.Is(err, ErrSetting) {
				t.Fatal(err)
			}
			return
		}
		if len(values) == 0 && value != "" && !otherVariable(prefix+name) {
			t.Fatalf("%s is neither taken nor refused", name)
		}
		for set := range values {
			if s, _ := lookup(set); s.Variable() != prefix+name {
				t.Fatalf("%s sets %s", name, set)
			}
		}
	})
}
