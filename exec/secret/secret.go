// Package secret takes secrets out of what tools answer, whichever way a server has
// written them (spec/tools.md#http): as they are, percent-encoded, with the escapes of
// JSON or HTML, in hex, in UTF-16 or UTF-32, parted by line breaks, in base64 at any place of
// a longer text, and in mixtures of these.
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

// Least is the length in bytes from which a secret is looked for. A shorter one would be
// found by chance.
const Least = 6

// Mark stands where a secret was.
const Mark = "[secret]"

// Mask finds secrets. The zero Mask finds none. It is safe for concurrent use.
type Mask struct {
	patterns []pattern
	mark     string // stands where one was
}

// pattern is a text that gives a secret away.
type pattern struct {
	text   []byte
	fold   bool // letters of either case count: hex digits
	spaced bool // line breaks may part it
	around bool // the base64 digits beside it belong to the secret in part
}

// New is a Mask for secrets. One that is itself "user:password" in base64, as of Basic
// authentication, also stands for what it encodes, and for the password.
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

// inside is the base64 digits of s, shift bytes after a multiple of three, that depend on
// s alone, whatever stands beside it.
func inside(s []byte, shift int) []byte {
	text := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), s...))
	from := (8*shift + 5) / 6
	to := 8 * (shift + len(s)) / 6
	return []byte(text[from:to])
}

// Clean is data with the mark for every secret. It is data itself when there is none.
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
	kept := 0 // data[:kept] is in out, or was taken out
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

// widen takes the base64 digit at either side into the match: it holds bits of the secret.
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

// match is the length of the pattern at the start of data, in whatever way its bytes are
// written there; 0: it is not there.
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

// matchFrom matches the rest of the pattern, of which the first bytes stand at the start of
// data as they are. A byte such as % may stand for itself or begin another writing, so
// that there can be several places where the next byte of the pattern may be; they are
// followed side by side.
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

// step follows the places at by one character of the pattern, which has size bytes.
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

// read adds the places after want, which may be written at data[i:] in several ways.
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

// complete is the place after want, of which w is the first character as it is written
// at data[i:]; 0: it is not want. The bytes of a character may be written one by one.
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

// mostPlaces bounds the readings of a text that are followed.
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
