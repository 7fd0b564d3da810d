package config

import (
	"fmt"
	"math"
	"net"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/mythos-project/mythos/internal/units"
)

// Setting is one setting: a field of Config with a name.
type Setting struct {
	Name    string // in config.yaml
	Type    string // in words: "true or false"
	Default string // in text form; empty: none
	Help    string
	Secret  bool // its value is never displayed
	User    bool // only the user's own file and the environment can set it, not a repository

	field int // of Config
	kind  reflect.Type
	rule  string
}

// Variable is the environment variable of the setting.
func (s *Setting) Variable() string { return prefix + strings.ToUpper(s.Name) }

// Settings lists what can be set, in the order of the fields of Config.
func Settings() []Setting { return append([]Setting(nil), settings...) }

// settings are the fields of Config that have a name.
var settings = func() (list []Setting) {
	t := reflect.TypeFor[Config]()
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		if tag.Get("name") == "" {
			continue
		}
		list = append(list, Setting{Name: tag.Get("name"), Type: words[t.Field(i).Type], Default: tag.Get("default"), Help: tag.Get("help"),
			Secret: tag.Get("secret") != "", User: tag.Get("of") == "user", field: i, kind: t.Field(i).Type, rule: tag.Get("rule")})
	}
	return list
}()

// The types that settings have.
var (
	durationType = reflect.TypeFor[time.Duration]()
	boolType     = reflect.TypeFor[bool]()
	stringType   = reflect.TypeFor[string]()
	numberType   = reflect.TypeFor[float64]()
	countType    = reflect.TypeFor[int]()
)

// words are the names of the types.
var words = map[reflect.Type]string{
	durationType: "a duration such as 90s, 1h30m or 7d",
	boolType:     "true or false",
	stringType:   "a text",
	numberType:   "a number",
	countType:    "a whole number",
}

// lookup finds a setting by its exact name.
func lookup(name string) (*Setting, bool) {
	for i := range settings {
		if settings[i].Name == name {
			return &settings[i], true
		}
	}
	return nil, false
}

// parse reads a value in text form, exactly or not at all.
func (s *Setting) parse(text string) (value any, err error) {
	switch s.kind {
	case durationType:
		value, err = parseDuration(text)
	case boolType:
		value, err = parseBool(text)
	case numberType:
		value, err = parseNumber(text)
	case countType:
		value, err = parseCount(text)
	default:
		value = text
	}
	if err == nil && s.rule != "" {
		err = rules[s.rule](value)
	}
	return value, err
}

func parseDuration(text string) (time.Duration, error) {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return 0, fmt.Errorf("has no unit: write %ss for seconds, or another duration such as 1h30m or 7d", strings.TrimPrefix(text, "-"))
	}
	return units.ParseDuration(text)
}

func parseBool(text string) (bool, error) {
	switch text {
	case "true", "True", "TRUE": // as in YAML 1.2
		return true, nil
	case "false", "False", "FALSE":
		return false, nil
	}
	return false, fmt.Errorf("is neither true nor false")
}

func parseNumber(text string) (float64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) || strings.ContainsAny(text, "_xXpP") {
		return 0, fmt.Errorf("is not a number")
	}
	return n, nil
}

func parseCount(text string) (int, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || strconv.FormatInt(n, 10) != text { // some read 010 as 8
		return 0, fmt.Errorf("is not a whole number")
	}
	return int(n), nil
}

const (
	leastBytes = 64 << 10  // per second; with less, a peer would count as stalled
	mostRate   = 1_000_000 // requests a second
)

// rules are further conditions on values.
var rules = map[string]func(value any) error{
	"positive": func(v any) error {
		if v.(time.Duration) <= 0 {
			return fmt.Errorf("is zero: write more than 0s")
		}
		return nil
	},
	"address": func(v any) error {
		if _, _, err := net.SplitHostPort(v.(string)); err != nil {
			return fmt.Errorf("is not an address such as 127.0.0.1:7480")
		}
		return nil
	},
	"rate": func(v any) error {
		if n := v.(float64); !(n > 0 && n <= mostRate) { //nolint:staticcheck // a NaN, too
			return fmt.Errorf("must be more than 0 and at most %d", mostRate)
		}
		return nil
	},
	"bytes": func(v any) error {
		n, err := units.ParseSize(v.(string))
		if err == nil && n > 0 && n < leastBytes {
			err = fmt.Errorf("is less than 64KiB; 0 is no limit")
		}
		return err
	},
	"sink": func(v any) error { // a path, or a URL
		text := v.(string)
		if !strings.Contains(text, "://") {
			return nil
		}
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
			return fmt.Errorf("is neither a path nor a URL such as https://marquez.example.org/api/v1/lineage, without a user")
		}
		return nil
	},
	"count": func(v any) error {
		if v.(int) < 1 {
			return fmt.Errorf("must be 1 or more")
		}
		return nil
	},
}

// Check returns the rule of a setting that a value breaks; the value has the type of its field.
func Check(name string, value any) error {
	s, known := lookup(name)
	if !known {
		return fmt.Errorf("%w: %q is not a setting", ErrSetting, name)
	}
	if s.rule == "" {
		return nil
	}
	return rules[s.rule](value)
}

// shown is a value for an error: quoted and shortened; nothing for a secret.
func (s *Setting) shown(text string) string {
	const most = 80 // bytes
	switch {
	case s.Secret:
		return "its value"
	case len(text) > most:
		return strconv.Quote(strings.ToValidUTF8(text[:most], "")) + "..."
	}
	return strconv.Quote(text)
}

// wrong is the error for an invalid value; at is its place.
func (s *Setting) wrong(at, name, text string, err error) error {
	return fmt.Errorf("%w: %s: %s: %s: %w (expected: %s)", ErrSetting, at, name, s.shown(text), err, s.Type)
}
