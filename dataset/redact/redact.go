// Package redact replaces parts of payloads by keyed hashes, by rules that people write (spec/datasets.md#redaction).
// It fails closed: a payload to which a rule applies but cannot be executed is withheld.
package redact

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/internal/strictyaml"
	"github.com/mythos-project/mythos/object"
)

// Marks of redacted evidence (spec/datasets.md#redaction).
const (
	// Media is the media type of a redacted episode's trace.
	Media = "application/mythos.trace.redacted+json"
	// Transform is the transform in its provenance.
	Transform = "mythos.redact"
)

// Rules are rules with their key. The same value gives the same replacement under the same key, so that equal values
// stay recognisable, and nobody without the key can test a guess.
//
// The hash of a changed or withheld payload is replaced, too, because a hash without a key confirms a guess. Ids of
// receipts and episodes stay: they are hashes of more than the payload, and name the evidence.
type Rules struct {
	rules []compiled
	key   []byte
	id    object.Hash
}

// Rule is one rule; exactly one of Pointer and Regex is given.
type Rule struct {
	Pointer string `yaml:"pointer" json:"pointer,omitempty"` // JSON pointer into a payload; * stands for any member or index
	Regex   string `yaml:"regex" json:"regex,omitempty"`     // RE2, over the text of a payload
	Of      string `yaml:"of" json:"of,omitempty"`           // "request", "response", "signal" or, empty, all
	Tool    string `yaml:"tool" json:"tool,omitempty"`       // id of a tool; empty: all
	Label   string `yaml:"label" json:"label,omitempty"`     // name in the replacement; empty: redacted
}

type compiled struct {
	Rule
	path jsontext.Pointer
	re   *regexp.Regexp
}

// MinKey is the shortest redaction key in bytes.
const MinKey = 16

// ErrRules means that rules or their key are unusable.
var ErrRules = errors.New("redaction rules")

// Parse reads rules as a YAML or JSON list.
func Parse(data, key []byte) (*Rules, error) {
	var rules []Rule
	if err := strictyaml.Unmarshal(data, &rules); err != nil && !errors.Is(err, strictyaml.ErrEmpty) {
		return nil, fmt.Errorf("%w: %w", ErrRules, err)
	}
	return New(rules, key)
}

// New checks rules. The error wraps ErrRules.
func New(rules []Rule, key []byte) (*Rules, error) {
	if len(key) < MinKey {
		return nil, fmt.Errorf("%w: the key has %d bytes, at least %d are needed", ErrRules, len(key), MinKey)
	}
	if len(rules) == 0 {
		return nil, fmt.Errorf("%w: there are none", ErrRules)
	}
	r := &Rules{key: key}
	for i, rule := range rules {
		compiled, err := rule.compile()
		if err != nil {
			return nil, fmt.Errorf("%w: rule %d: %w", ErrRules, i+1, err)
		}
		r.rules = append(r.rules, compiled)
	}
	text, err := json.Marshal(rules)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRules, err)
	}
	r.id = object.Sum(text)
	return r, nil
}

func (rule Rule) compile() (c compiled, err error) {
	c.Rule = rule
	if rule.Of != "" && rule.Of != "request" && rule.Of != "response" && rule.Of != "signal" {
		return c, fmt.Errorf("of %q: request, response or signal is expected", rule.Of)
	}
	if rule.Tool != "" {
		h, err := object.ParseHash(rule.Tool)
		if err != nil {
			return c, fmt.Errorf("tool: %w", err)
		}
		c.Tool = h.String()
	}
	if c.Label == "" {
		c.Label = "redacted"
	}
	switch {
	case (rule.Pointer == "") == (rule.Regex == ""):
		return c, errors.New("either pointer or regex is expected")
	case rule.Regex != "":
		c.re, err = regexp.Compile(rule.Regex)
		return c, err
	}
	c.path, err = jsontext.ParsePointer(rule.Pointer)
	return c, err
}

// ID is the hash of the rules without the key. It identifies the rules with which a file was made.
func (r *Rules) ID() object.Hash { return r.id }

// Made reports whether an episode says that it was redacted under these rules and this key.
func (r *Rules) Made(e *object.EpisodeRef) bool {
	trace := e.TraceRef.TraceBlob
	p := trace.Provenance
	return trace.Media == Media && p != nil && p.Transform == Transform && p.CodeHash == r.ID() && p.Params["key_id"] == r.KeyID()
}

// KeyID distinguishes keys without revealing them.
func (r *Rules) KeyID() string { return r.KeyedHash("mythos.redaction.key")[:16] }

// KeyedHash is the HMAC-SHA-256 of a text under the key, in hex.
func (r *Rules) KeyedHash(text string) string {
	m := hmac.New(sha256.New, r.key)
	m.Write([]byte(text))
	return hex.EncodeToString(m.Sum(nil))
}

// Replacement replaces a value: "[label:16 hex digits]".
func (r *Rules) Replacement(label, value string) string {
	return "[" + label + ":" + r.KeyedHash(label + "\x00" + value)[:16] + "]"
}

// Apply redacts one payload. of is "request" or "response", or "signal" for the text of a signal, to which pointers
// apply only in rules that name signals. changed reports that something was replaced. ok is false if the payload must
// be withheld.
func (r *Rules) Apply(of string, tool object.Hash, payload []byte) (out []byte, changed, ok bool) {
	out = payload
	if of == "response" && blobTools[tool] && r.particular() {
		return nil, true, false
	}
	for _, rule := range r.rules {
		if !rule.covers(of, tool) {
			continue
		}
		var next []byte
		if rule.re != nil {
			next, ok = r.regex(rule, out)
		} else {
			next, ok = r.pointer(rule, out)
		}
		if !ok {
			return nil, true, false
		}
		if next != nil {
			out, changed = next, true
		}
	}
	return out, changed, true
}

// blobTools answer with bytes from elsewhere, which may be part of somebody else's request or response.
var blobTools = map[object.Hash]bool{ir.BuiltinTool("blob.get"): true, ir.BuiltinTool("blob.chunk_get"): true}

// particular reports whether some rule applies to only one kind of payload or one tool.
func (r *Rules) particular() bool {
	return slices.ContainsFunc(r.rules, func(rule compiled) bool { return rule.Of != "" || rule.Tool != "" })
}

func (rule compiled) covers(of string, tool object.Hash) bool {
	if of == "signal" && rule.re == nil && rule.Of != of {
		return false
	}
	return (rule.Of == "" || rule.Of == of) && (rule.Tool == "" || rule.Tool == tool.String())
}

// regex returns the payload with matches replaced, or nil if there are none. Only text can be searched. In JSON and in
// lines of JSON, decoded strings are searched, too, so that an escape hides nothing. JSON that parsers read differently
// is withheld: one parser may ignore what has to be hidden.
func (r *Rules) regex(rule compiled, payload []byte) ([]byte, bool) {
	if !utf8.Valid(payload) {
		return nil, false
	}
	hit := false
	out := []byte(r.search(rule, string(payload), &hit))
	lines := [][]byte{out}
	if !json.Valid(out) {
		lines = bytes.SplitAfter(out, []byte{'\n'})
	}
	for i, line := range lines {
		if !json.Valid(line) {
			continue
		}
		inside, err := r.within(rule, line)
		if err != nil {
			return nil, false
		}
		if inside != nil {
			hit = true
			lines[i] = append(inside, line[len(bytes.TrimRight(line, "\r\n")):]...)
		}
	}
	if !hit {
		return nil, true
	}
	return bytes.Join(lines, nil), true
}

func (r *Rules) search(rule compiled, text string, hit *bool) string {
	return rule.re.ReplaceAllStringFunc(text, func(match string) string {
		if match == "" {
			return match
		}
		*hit = true
		return r.Replacement(rule.Label, match)
	})
}
