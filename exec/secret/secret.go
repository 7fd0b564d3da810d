// Package secret removes secrets from the answers of tools, however a server has encoded them (spec/tools.md#http):
// plain, percent-encoded, with the escapes of JSON or HTML, in hex, in UTF-16 or UTF-32, split by line breaks, in
// base64 at any offset of a longer text, and in mixtures of these.
package secret

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Least is the smallest length in bytes of a secret that is searched for. A shorter one would match by chance.
const Least = 6

// Mark replaces a secret.
const Mark = "[secret]"

// Mask finds secrets. The zero Mask finds none. It is safe for concurrent use.
type Mask struct {
	patterns []pattern
	mark     string // replaces a secret
}

// pattern is a text that reveals a secret.
type pattern struct {
	text   []byte
	fold   bool // hex digits: letters of either case match
	spaced bool // line breaks may split it
	around bool // the neighbouring base64 digits contain bits of the secret
}

// New returns a Mask for secrets. If a secret is "user:password" in base64, as in Basic authentication, the decoded
// text and the password count as secrets, too.
func New(secrets ...[]byte) *Mask {
	return Named(Mark, secrets...)
}

// Named is New with another mark.
func Named(mark string, secrets ...[]byte) *Mask {
	m := &Mask{mark: mark}
	for _, s := range secrets {
		m.add(s)
		if decoded, err := base64.StdEncoding.DecodeString(string(s)); err == nil {
			if _, password, ok := bytes.Cut(decoded, []byte(":")); ok {
				m.add(decoded)
				m.add(password)
			}
		}
	}
	return m
}

func (m *Mask) add(s []byte) {
	if len(s) < Least {
		return
	}
	m.patterns = append(m.patterns, pattern{text: bytes.Clone(s), spaced: true},
		pattern{text: []byte(hex.EncodeToString(s)), fold: true, spaced: true})
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		var short, long []byte // UTF-16, UTF-32
		for _, r := range string(s) {
			for _, unit := range utf16.AppendRune(nil, r) {
				short = order.AppendUint16(short, unit)
			}
			long = order.AppendUint32(long, uint32(r))
		}
		m.patterns = append(m.patterns, pattern{text: short}, pattern{text: long})
	}
	for shift := range 3 {
		std := inside(s, shift)
		m.patterns = append(m.patterns, pattern{text: std, spaced: true, around: true})
		url := []byte(strings.NewReplacer("+", "-", "/", "_").Replace(string(std)))
		if !bytes.Equal(url, std) {
			m.patterns = append(m.patterns, pattern{text: url, spaced: true, around: true})
		}
	}
}

// inside is those base64 digits of s, shift bytes after a multiple of three, that depend only on s and not on its
// neighbours.
func inside(s []byte, shift int) []byte {
	text := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), s...))
	from := (8*shift + 5) / 6
	to := 8 * (shift + len(s)) / 6
	return []byte(text[from:to])
}

// Clean returns data with the mark in place of every secret; data itself if there is none.
func (m *Mask) Clean(data []byte) []byte {
	if m == nil {
		return data
	}
	for _, p := range m.patterns {
		data = p.clean(data, m.mark)
	}
	return data
}

// CleanText is Clean for text.
func (m *Mask) CleanText(text string) string { return string(m.Clean([]byte(text))) }

func (p pattern) clean(data []byte, mark string) []byte {
	var out []byte
	kept := 0 // data[:kept] was copied to out or removed
	for at := 0; at < len(data); at++ {
		if c := data[at]; !p.same(c, p.text[0]) && !introducer(c) {
			continue
		}
		n := p.match(data[at:])
		if n == 0 {
			continue
		}
		from, to := at, at+n
		if p.around {
			from, to = widen(data, from, to, kept)
		}
		out = append(append(out, data[kept:from]...), mark...)
		kept, at = to, to-1
	}
	if kept == 0 {
		return data
	}
	return append(out, data[kept:]...)
}

// widen extends the match by the base64 digit on either side, which holds bits of the secret.
func widen(data []byte, from, to, kept int) (int, int) {
	if from > kept && digit64(data[from-1]) {
		from--
	}
	if to < len(data) && digit64(data[to]) {
		to++
	}
	return from, to
}

func digit64(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte("+/-_", c) >= 0
}

// match is the length of the pattern at the start of data, in any encoding of its bytes; 0: it is not there.
func (p pattern) match(data []byte) int {
	at := 0
	for at < len(p.text) && at < len(data) && p.same(data[at], p.text[at]) && !introducer(data[at]) {
		at++
	}
	if at == len(p.text) {
		return at
	}
	if at == len(data) || (!introducer(data[at]) && (!p.spaced || at == 0 || lineBreak(data[at:]) == 0)) {
		return 0
	}
	return p.matchFrom(data, at)
}

// matchFrom matches the rest of the pattern, whose first done bytes stand unencoded at the start of data. A byte such
// as % may be itself or begin an encoding, so there can be several places for the next byte of the pattern; all are
// followed in parallel.
func (p pattern) matchFrom(data []byte, done int) int {
	at := []int{done}
	for done < len(p.text) {
		next, size := p.step(data, at, done)
		if len(next) == 0 {
			return 0
		}
		at, done = next, done+size
	}
	return at[len(at)-1]
}

// step advances the places at by one character of the pattern, which has size bytes.
func (p pattern) step(data []byte, at []int, done int) (next []int, size int) {
	_, size = utf8.DecodeRune(p.text[done:])
	for _, i := range at {
		if done > 0 && p.spaced {
			for i < len(data) && !p.same(data[i], p.text[done]) {
				skip := lineBreak(data[i:])
				if skip == 0 {
					break
				}
				i += skip
			}
		}
		next = p.read(next, data, i, p.text[done:done+size])
	}
	return next, size
}

// read adds the places after want, which may stand at data[i:] in several encodings.
func (p pattern) read(next []int, data []byte, i int, want []byte) []int {
	if i >= len(data) {
		return next
	}
	if end := i + len(want); end <= len(data) && p.equal(data[i:end], want) {
		next = add(next, end)
	}
	if !introducer(data[i]) {
		return next
	}
	for _, w := range decode(data[i:]) {
		if end := p.complete(data, i, w, want); end > 0 {
			next = add(next, end)
		}
	}
	return next
}

// complete is the place after want, where w is the encoding of its first byte at data[i:]; 0: it is not want. The bytes
// of a character may be encoded separately.
func (p pattern) complete(data []byte, i int, w writing, want []byte) int {
	text, end := w.text, i+w.n
	for len(text) < len(want) && end < len(data) && introducer(data[end]) {
		more := decode(data[end:])
		if len(more) == 0 {
			return 0
		}
		text, end = append(bytes.Clone(text), more[0].text...), end+more[0].n
	}
	if !p.equal(text, want) {
		return 0
	}
	return end
}

// mostPlaces bounds how many readings of a text are followed.
const mostPlaces = 8

func add(places []int, place int) []int {
	if len(places) == mostPlaces || slices.Contains(places, place) {
		return places
	}
	return append(places, place)
}

func (p pattern) equal(got, want []byte) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if !p.same(got[i], want[i]) {
			return false
		}
	}
	return true
}

func (p pattern) same(got, want byte) bool {
	return got == want || (p.fold && got|0x20 == want && want >= 'a' && want <= 'f')
}
