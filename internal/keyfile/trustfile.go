package keyfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"go.yaml.in/yaml/v3"

	"github.com/mythos-project/mythos/internal/atomicfile"
	"github.com/mythos-project/mythos/internal/plainfile"
	"github.com/mythos-project/mythos/internal/strictyaml"
	"github.com/mythos-project/mythos/internal/units"
	"github.com/mythos-project/mythos/object"
)

const maxTrustFile = 1 << 20 // bytes

// trustFile and trustEntry are the file's form.
type trustFile struct {
	Agents []trustEntry `yaml:"agents"`
}

type trustEntry struct {
	Name   string   `yaml:"name"`
	Key    string   `yaml:"key"`
	For    []string `yaml:"for,flow"`
	From   string   `yaml:"from,omitempty"`
	Until  string   `yaml:"until,omitempty"`
	MaxAge string   `yaml:"max_age,omitempty"`
	Ended  string   `yaml:"ended,omitempty"`

	Entries *uint64      `yaml:"entries,omitempty"`
	Past    []trustGrant `yaml:"past,omitempty"`
}

type trustGrant struct {
	For     []string `yaml:"for,flow"`
	Ended   string   `yaml:"ended"`
	Entries *uint64  `yaml:"entries,omitempty"`
}

// LoadTrust reads and validates a trust file. A missing file trusts nobody. Errors name the line and wrap ErrTrust.
func LoadTrust(path string) (*Trust, error) {
	f, err := plainfile.OpenLinked(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Trust{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("trust file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxTrustFile+1))
	if err != nil {
		return nil, fmt.Errorf("trust file: %w", err)
	}
	t, err := ParseTrust(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// ParseTrust reads and validates the content of a trust file. It refuses fields that are unknown, repeated or empty,
// and a second document.
func ParseTrust(data []byte) (*Trust, error) {
	if len(data) > maxTrustFile {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrTrust, maxTrustFile)
	}
	var file struct {
		Agents []yaml.Node `yaml:"agents"`
	}
	if err := strictyaml.Unmarshal(data, &file); err != nil && !errors.Is(err, strictyaml.ErrEmpty) {
		return nil, fmt.Errorf("%w: %w", ErrTrust, err)
	}
	t := &Trust{}
	for i := range file.Agents {
		var e trustEntry
		if err := strictyaml.Decode(&file.Agents[i], &e); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTrust, err)
		}
		entry, err := e.parse()
		if err == nil {
			err = t.Add(entry)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", file.Agents[i].Line, err)
		}
	}
	return t, nil
}

func (e *trustEntry) parse() (t Entry, err error) {
	if e.For == nil {
		return Entry{}, fmt.Errorf("%w: %q: for is missing; an empty list trusts the agent for nothing", ErrTrust, e.Name)
	}
	t = Entry{Name: e.Name, Key: e.Key, For: e.For}
	if e.From != "" {
		if t.From, err = object.ParseTime(e.From); err != nil {
			return Entry{}, fmt.Errorf("%w: %q: from: %w", ErrTrust, e.Name, err)
		}
	}
	if e.Until != "" {
		if t.Until, err = object.ParseTime(e.Until); err != nil {
			return Entry{}, fmt.Errorf("%w: %q: until: %w", ErrTrust, e.Name, err)
		}
		if t.Until == 0 {
			return Entry{}, fmt.Errorf("%w: %q: until must be after 1970", ErrTrust, e.Name)
		}
	}
	t.Ended.Entries = e.Entries
	if e.Ended != "" {
		if t.Ended.At, err = endOf(e.Name, e.Ended); err != nil {
			return Entry{}, err
		}
	}
	for _, g := range e.Past {
		if g.For == nil {
			return Entry{}, fmt.Errorf("%w: %q: past: for is missing", ErrTrust, e.Name)
		}
		at, err := endOf(e.Name, g.Ended)
		if err != nil {
			return Entry{}, err
		}
		t.Past = append(t.Past, Grant{g.For, End{at, g.Entries}})
	}
	if e.MaxAge != "" {
		if t.MaxAge, err = units.ParseDuration(e.MaxAge); err != nil {
			return Entry{}, fmt.Errorf("%w: %q: max_age: %w", ErrTrust, e.Name, err)
		}
		if t.MaxAge == 0 {
			return Entry{}, fmt.Errorf("%w: %q: max_age 0 would refuse every list; leave it out for any age", ErrTrust, e.Name)
		}
	}
	return t, nil
}

// endOf reads when trust ended.
func endOf(name, text string) (object.Time, error) {
	at, err := object.ParseTime(text)
	if err != nil {
		return 0, fmt.Errorf("%w: %q: ended: %w", ErrTrust, name, err)
	}
	if at == 0 {
		return 0, fmt.Errorf("%w: %q: ended must be another time than the beginning of 1970", ErrTrust, name)
	}
	return at, nil
}

// Save writes the trust file, completely or not at all, as [atomicfile.Output] does. Comments in an older file are
// lost.
func (t *Trust) Save(path string) error {
	file := trustFile{Agents: []trustEntry{}}
	for i := range t.entries {
		file.Agents = append(file.Agents, t.entries[i].file())
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(&file), enc.Close()); err != nil {
		return fmt.Errorf("trust file: %w", err)
	}
	return atomicfile.WriteOutput(path, func(w io.Writer) error {
		_, err := w.Write(out.Bytes())
		return err
	})
}

func (e *Entry) file() trustEntry {
	f := trustEntry{Name: e.Name, Key: e.Key, For: e.For}
	if e.From != 0 {
		f.From = e.From.String()
	}
	if e.Until != 0 {
		f.Until = e.Until.String()
	}
	f.Entries = e.Ended.Entries
	if e.Ended.At != 0 {
		f.Ended = e.Ended.At.String()
	}
	for _, g := range e.Past {
		f.Past = append(f.Past, trustGrant{g.For, g.At.String(), g.Entries})
	}
	if e.MaxAge != 0 {
		f.MaxAge = units.FormatDuration(e.MaxAge)
	}
	return f
}
