package evidence_test

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/internal/evidence"
	"github.com/mythos-project/mythos/object"
)

// What is written is read again; anything that differs in a member, a value or a byte of base64 is refused.
func TestLines(t *testing.T) {
	want := evidence.Line{ReceiptID: object.SumText("receipt"), Evidence: []byte("bundle")}
	text, err := evidence.AppendLine(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.TrimSuffix(string(text), "\n")
	got, err := evidence.ParseLine([]byte(line))
	if err != nil || got.ReceiptID != want.ReceiptID || string(got.Evidence) != "bundle" {
		t.Fatal(got, err)
	}
	for name, bad := range map[string]string{
		"another member":  strings.Replace(line, "{", `{"more":1,`, 1),
		"a member twice":  strings.Replace(line, "{", `{"evidence":"",`, 1),
		"no evidence":     fmt.Sprintf(`{"receiptId":"%s"}`, want.ReceiptID),
		"null":            strings.Replace(line, `"YnVuZGxl"`, "null", 1),
		"another case":    strings.Replace(line, "receiptId", "receiptID", 1),
		"no hash":         strings.Replace(line, want.ReceiptID.String(), "3f9c01", 1),
		"capitals":        strings.Replace(line, want.ReceiptID.String(), strings.ToUpper(want.ReceiptID.String()), 1),
		"unpadded base64": `{"receiptId":"` + want.ReceiptID.String() + `","evidence":"YQ"}`,
		"spare bits":      `{"receiptId":"` + want.ReceiptID.String() + `","evidence":"YR=="}`,
		"a line end":      `{"receiptId":"` + want.ReceiptID.String() + `","evidence":"YQ==\n"}`,
		"URL's alphabet":  `{"receiptId":"` + want.ReceiptID.String() + `","evidence":"_-8="}`,
		"two values":      line + line,
		"nothing":         "",
	} {
		if _, err := evidence.ParseLine([]byte(bad)); !errors.Is(err, evidence.ErrLine) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A line that is too long is refused, needs no more memory than an allowed line, and does not hide others.
func TestLongLine(t *testing.T) {
	long := strings.Repeat("x", evidence.MaxLine+1)
	var seen []string
	err := evidence.EachLine(bufio.NewReader(strings.NewReader("a\n"+long+"\r\n\nb")), func(n int, line []byte, err error) error {
		if errors.Is(err, evidence.ErrLine) {
			line = []byte("too long")
		} else if err != nil {
			return err
		}
		seen = append(seen, fmt.Sprint(n, ":", string(line)))
		return nil
	})
	if got := strings.Join(seen, " "); err != nil || got != "1:a 2:too long 3: 4:b" {
		t.Errorf("%q, %v", got, err)
	}
}

// A file of many is distinguished from one bundle and from one envelope, even if its first line is damaged.
func TestMany(t *testing.T) {
	line := `{"receiptId":"x","evidence":"y"}`
	for text, want := range map[string]bool{
		"":                                   false,
		line:                                 true,
		line + "\n":                          true,
		`{"payload":"","signatures":[]}`:     false,
		"{\n  \"payload\": \"\"\n}":          false,
		"{\n{":                               true,
		`["receiptId"` + "\n" + line:         true,
		"\x0a\x01\x00\n{":                    false,
		"\xff\xfe\n{":                        false,
		"{\"payload\":1}\n{\"payload\":2}\n": true,
	} {
		many, r, err := evidence.Many(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if _, err := r.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		if many != want || b.String() != text {
			t.Errorf("%q: %t, and %q is read", text, many, b.String())
		}
	}
}
