package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
	"time"
)

const hidden = `tök/en+"<A&b>=~01`

func everyByte(format string) string {
	var b strings.Builder
	for _, c := range []byte(hidden) {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

func jsonText(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(raw[1 : len(raw)-1])
}

func TestEveryWriting(t *testing.T) {
	var entities, units, braces strings.Builder
	var little, big, long []byte
	for _, r := range hidden {
		fmt.Fprintf(&braces, `\u{%x}`, r)
		little = binary.LittleEndian.AppendUint16(little, uint16(r))
		big = binary.BigEndian.AppendUint16(big, uint16(r))
		long = binary.LittleEndian.AppendUint32(long, uint32(r))
		fmt.Fprintf(&entities, "&#%d;", r)
		fmt.Fprintf(&units, `\u%04X`, r)
	}
	writings := map[string]string{
		"as it is":            hidden,
		"query":               url.QueryEscape(hidden),
		"path":                url.PathEscape(hidden),
		"query twice":         url.QueryEscape(url.QueryEscape(hidden)),
		"query three times":   url.QueryEscape(url.QueryEscape(url.QueryEscape(hidden))),
		"every byte, percent": everyByte("%%%02X"),
		"lower percent":       everyByte("%%%02x"),
		"JSON":                jsonText(hidden),
		"JSON in JSON":        jsonText(jsonText(hidden)),
		"slashes of PHP":      strings.ReplaceAll(jsonText(hidden), "/", `\/`),
		"units":               units.String(),
		"HTML":                html.EscapeString(hidden),
		"entities":            entities.String(),
		"hex":                 hex.EncodeToString([]byte(hidden)),
		"HEX":                 strings.ToUpper(hex.EncodeToString([]byte(hidden))),
		"hex with colons":     strings.TrimSuffix(everyByte("%02x:"), ":"),
		"bytes of C":          everyByte(`\x%02x`),
		"bytes, octal":        everyByte(`\%03o`),
		"bytes apart":         strings.TrimPrefix(strings.TrimSuffix(everyByte("0x%02x, "), ", "), "0x"),
		"code points":         braces.String(),
		"UTF-16":              string(little),
		"UTF-16, big-endian":  string(big),
		"UTF-32":              string(long),
		"on two lines":        hidden[:7] + "\n" + hidden[7:],
		"quoted-printable":    everyByte("=%02X"),
		"percent and JSON":    jsonText(url.QueryEscape(hidden)),
	}
	mask := New([]byte(hidden))
	for name, w := range writings {
		got := mask.CleanText("before " + w + " after")
		if got != "before "+Mark+" after" {
			t.Errorf("%s: %q left of %q", name, got, w)
		}
	}
}

func TestBase64(t *testing.T) {
	mask := New([]byte(hidden))
	for before := range 7 {
		for after := range 4 {
			whole := strings.Repeat("x", before) + hidden + strings.Repeat("y", after)
			for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
				text := enc.EncodeToString([]byte(whole))
				got := mask.CleanText(text)
				if !strings.Contains(got, Mark) {
					t.Errorf("%d before, %d after: %q is left as it is", before, after, text)
				}
				left := strings.ReplaceAll(got, Mark, "")
				if len(left) > (8*(before+after)+5)/6+3 {
					t.Errorf("%d before, %d after: %q is left of %q", before, after, got, text)
				}
				for _, written := range []string{text[:9] + "\r\n" + text[9:], url.QueryEscape(text), strings.ReplaceAll(text, "/", `\/`), jsonText(text[:12] + "\n" + text[12:])} {
					if got := mask.CleanText(written); !strings.Contains(got, Mark) {
						t.Errorf("%q is left as it is", written)
					}
				}
			}
		}
	}
}

func TestBasic(t *testing.T) {
	mask := New([]byte(base64.StdEncoding.EncodeToString([]byte("ann:opensesame"))))
	if got := mask.CleanText("user ann:opensesame, password opensesame"); strings.Contains(got, "opensesame") {
		t.Error(got)
	}
}

func TestNothingElse(t *testing.T) {
	mask := New([]byte(hidden), []byte("short"))
	for _, data := range [][]byte{nil, {0xff, 0xfe, 0, '%', '\\'}, []byte(`\`), []byte("%"), []byte("&#"), []byte("100% of \\u00 &amp short"),
		[]byte(hidden[:len(hidden)-1]), bytes.Repeat([]byte{'\\'}, 100), []byte(`\ud800`), []byte(`\ud800\u`)} {
		if got := mask.Clean(data); !bytes.Equal(got, data) {
			t.Errorf("%q became %q", data, got)
		}
	}
	var none *Mask
	if got := none.Clean([]byte(hidden)); string(got) != hidden {
		t.Error(string(got))
	}
}

// TestTime: adversarial text takes no more than a fixed number of steps per byte.
func TestTime(t *testing.T) {
	for _, unit := range []string{"%25", `\`, "&", "a", "+", "=", "=+"} {
		mask := New([]byte(strings.Repeat(unit, 40)+"!"), []byte(strings.Repeat("+", 60)+"!"))
		start := time.Now()
		mask.Clean(bytes.Repeat([]byte(unit), 4_000/len(unit)))
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%q: %v", unit, took)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add([]byte(hidden), []byte("s"))
	f.Add([]byte(`%2573`), []byte("secret"))
	f.Fuzz(func(t *testing.T, data, key []byte) {
		got := New(key).Clean(data)
		if len(key) >= Least && !bytes.Contains([]byte(Mark), key) && bytes.Contains(got, key) && !bytes.Contains(key, []byte("[secret")) {
			t.Errorf("%q is left in %q", key, got)
		}
	})
}

func BenchmarkClean(b *testing.B) {
	mask := New([]byte(hidden))
	data := bytes.Repeat([]byte(`{"name":"a value","path":"\/some\/where","n":12},`), 20_000)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		mask.Clean(data)
	}
}
