package dataset

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/internal/strictyaml"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// MaxDef is the longest definition, in bytes, that ParseDef reads.
const MaxDef = 4 << 20

// Names resolves the names in a definition's text. Either may be nil.
type Names struct {
	Tool func(name string) (object.Hash, error) // a tool's name
	Hash func(text string) (object.Hash, error) // a hash, a prefix or a @ref
}

// defText is the YAML and JSON form of a definition.
type defText struct {
	Corpus   []string      `yaml:"corpus"`
	Query    yaml.Node     `yaml:"query"`
	Sampling *samplingText `yaml:"sampling"`
	Stratify *stratifyText `yaml:"stratify"`
	Signals  []string      `yaml:"signals"`

	source []byte
}

type samplingText struct {
	Mode string  `yaml:"mode"`
	N    *uint64 `yaml:"n"`
	Seed string  `yaml:"seed"`
}

type stratifyText struct {
	Key       string  `yaml:"key"`
	PerBucket *uint64 `yaml:"per_bucket"`
	Seed      string  `yaml:"seed"`
}

// ParseDef reads a definition: canonical bytes, the JSON view of a DatasetDef, or, in YAML or JSON,
//
//	corpus: [ROOT or @ref, ...]
//	query: has_tool("wc") and status == 200
//	sampling: {mode: hash_n, n: 100, seed: any text, or 64 hex digits}
//	stratify: {key: episode.context_hash, per_bucket: 5, seed: ...}
//	signals: [ROOT or @ref, ...]
//
// Only corpus is required. By default the query is TRUE, sampling is all, and every signal is visible. The query may
// also be a predicate in the JSON view of an Expr, in which ops may have names (EQ, AND, HAS_TOOL). ParseDef returns
// the definition, with its ids filled in, and its canonical bytes.
func ParseDef(data []byte, names Names) (*DatasetDef, []byte, error) {
	if len(data) > MaxDef {
		return nil, nil, fmt.Errorf("dataset definition: longer than %d bytes", MaxDef)
	}
	if len(data) > 0 && data[0] == can.TagMap {
		d, err := OpenDef(data)
		return d, data, err
	}
	if trimmed := bytes.TrimSpace(data); isDefView(trimmed) {
		raw, err := object.FromJSON(can.TypeOf(reflect.TypeFor[DatasetDef]()), trimmed)
		if err != nil {
			return nil, nil, fmt.Errorf("dataset definition: %w", err)
		}
		d, err := OpenDef(raw)
		return d, raw, err
	}
	d, err := parseDefText(data, names)
	if err != nil {
		return nil, nil, fmt.Errorf("dataset definition: %w", err)
	}
	return NewDef(d)
}

// isDefView reports whether data is a JSON object with a member dataset_def_id.
func isDefView(data []byte) bool {
	if len(data) == 0 || data[0] != '{' {
		return false
	}
	var members map[string]json.RawMessage
	return json.Unmarshal(data, &members) == nil && members["dataset_def_id"] != nil
}

func parseDefText(data []byte, names Names) (DatasetDef, error) {
	var t defText
	if err := strictyaml.Unmarshal(data, &t); err != nil {
		return DatasetDef{}, err
	}
	t.source = data
	return t.def(names)
}

func (t defText) def(names Names) (DatasetDef, error) {
	d := DatasetDef{Sampling: SamplingDef{Mode: SampleAll, Seed: seedOf("")}}
	if len(t.Corpus) == 0 {
		return d, errors.New("corpus: at least one root is expected")
	}
	var err error
	if d.CorpusRoots, err = hashes(t.Corpus, names); err != nil {
		return d, fmt.Errorf("corpus: %w", err)
	}
	if t.Signals != nil {
		if d.SignalRoots, err = hashes(t.Signals, names); err != nil {
			return d, fmt.Errorf("signals: %w", err)
		}
	}
	if d.Query.Predicate, err = t.predicate(names); err != nil {
		return d, err
	}
	if t.Sampling != nil {
		if d.Sampling, err = t.Sampling.def(); err != nil {
			return d, fmt.Errorf("sampling: %w", err)
		}
	}
	if t.Stratify != nil {
		if d.Stratify, err = t.Stratify.def(); err != nil {
			return d, fmt.Errorf("stratify: %w", err)
		}
	}
	return d, nil
}

func (t defText) predicate(names Names) (ir.Expr, error) {
	switch {
	case t.Query.Kind == 0:
		return ir.Expr{Op: ir.ExprTrue}, nil
	case t.Query.Kind == yaml.MappingNode:
		e, err := query.ParseTree(&t.Query)
		if err != nil {
			return e, fmt.Errorf("line %d: query: %w", t.Query.Line, err)
		}
		return e, nil
	case t.Query.Kind != yaml.ScalarNode:
		return ir.Expr{}, fmt.Errorf("line %d: query: a text or an expression is expected", t.Query.Line)
	}
	e, err := query.Parse(t.Query.Value, names.Tool)
	var place *query.Error
	if errors.As(err, &place) {
		return e, inFile(place, &t.Query, t.source)
	}
	return e, err
}

// inFile translates the position of a query's error to its position in the definition. In a text that YAML folds, lines
// and columns stay those of the query.
func inFile(e *query.Error, n *yaml.Node, source []byte) error {
	at := *e
	switch {
	case n.Style == yaml.LiteralStyle:
		at.Line += n.Line
		lines := bytes.Split(source, []byte("\n"))
		value := strings.Split(n.Value, "\n")
		if at.Line <= len(lines) && e.Line <= len(value) {
			at.Column += max(len(bytes.TrimRight(lines[at.Line-1], "\r"))-len(value[e.Line-1]), 0)
		}
	case n.Style == yaml.FoldedStyle || strings.Contains(n.Value, "\n"):
		return fmt.Errorf("line %d: %w", n.Line, e)
	default:
		at.Line = n.Line
		at.Column += n.Column - 1
		if n.Style != 0 { // a quote
			at.Column++
		}
	}
	return &at
}

func (s samplingText) def() (SamplingDef, error) {
	modes := map[string]uint8{"": SampleAll, "all": SampleAll, "first_n": SampleFirstN, "hash_n": SampleHashN}
	mode, ok := modes[strings.ToLower(s.Mode)]
	if !ok {
		return SamplingDef{}, fmt.Errorf("mode %q is not known (all, first_n, hash_n)", s.Mode)
	}
	if mode == SampleAll && s.N != nil {
		return SamplingDef{}, errors.New("n belongs to first_n and hash_n")
	}
	d := SamplingDef{Mode: mode, N: s.N, Seed: seedOf(s.Seed)}
	return d, d.Check()
}

func (s stratifyText) def() (*StratifyDef, error) {
	path, err := query.ParsePath(s.Key)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	if s.PerBucket == nil {
		return nil, errors.New("per_bucket is missing")
	}
	d := &StratifyDef{KeyPath: path, PerBucketN: *s.PerBucket, Seed: seedOf(s.Seed)}
	return d, d.Check()
}

// seedOf decodes 64 hex digits and hashes any other text.
func seedOf(text string) object.Hash {
	if h, err := object.ParseHash(text); err == nil {
		return h
	}
	return object.SumText(text)
}

func hashes(texts []string, names Names) ([]object.Hash, error) {
	out := make([]object.Hash, len(texts))
	for i, text := range texts {
		h, err := object.ParseHash(text)
		if err != nil && names.Hash != nil {
			h, err = names.Hash(text)
		}
		if err != nil {
			return nil, err
		}
		out[i] = h
	}
	return out, nil
}
