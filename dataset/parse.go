package dataset

import (
	"bytes"
	"encoding/json"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Names resolves what a definition's text names.
type Names struct {
	Tool func(name string) (object.Hash, error) // a tool's name
	Hash func(text string) (object.Hash, error) // a hash, a prefix or a @ref
}

// defText is the YAML and JSON form of a definition.
type defText struct {
	Corpus   []string      `yaml:"corpus"`
	Query    string        `yaml:"query"`
	Sampling *samplingText `yaml:"sampling"`
	Stratify *stratifyText `yaml:"stratify"`
	Signals  []string      `yaml:"signals"`
}

type samplingText struct {
	Mode string  `yaml:"mode"`
	N    *uint64 `yaml:"n"`
	Seed string  `yaml:"seed"`
}

type stratifyText struct {
	Key       string `yaml:"key"`
	PerBucket uint64 `yaml:"per_bucket"`
	Seed      string `yaml:"seed"`
}

// ParseDef reads a definition: canonical bytes, the JSON view of a DatasetDef, or
// the YAML form
//
//	corpus: [ROOT or @ref, ...]
//	query: has_tool("wc") and status == 200
//	sampling: {mode: hash_n, n: 100, seed: any text or 64 hex digits}
//	stratify: {key: episode.context_hash, per_bucket: 5, seed: ...}
//	signals: [ROOT or @ref, ...]
//
// It returns the definition and its canonical bytes.
func ParseDef(data []byte, names Names) (*DatasetDef, []byte, error) {
	if len(data) > 0 && data[0] == can.TagMap {
		d, err := OpenDef(data)
		return d, data, err
	}
	if trimmed := bytes.TrimSpace(data); json.Valid(trimmed) && bytes.Contains(trimmed, []byte(`"dataset_def_id"`)) {
		raw, err := object.FromJSON(defType, trimmed)
		if err != nil {
			return nil, nil, fmt.Errorf("dataset definition: %w", err)
		}
		d, err := OpenDef(raw)
		return d, raw, err
	}
	var t defText
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&t); err != nil {
		return nil, nil, fmt.Errorf("dataset definition: %w", err)
	}
	d, err := t.def(names)
	if err != nil {
		return nil, nil, fmt.Errorf("dataset definition: %w", err)
	}
	return NewDef(d)
}

var defType = object.Define[DatasetDef]("DatasetDef", DefRule).Type

func (t defText) def(names Names) (DatasetDef, error) {
	d := DatasetDef{CorpusRoots: []object.Hash{}, Sampling: SamplingDef{Mode: SampleAll, Seed: seedOf("")}}
	var err error
	if d.CorpusRoots, err = hashes(t.Corpus, names); err != nil {
		return d, fmt.Errorf("corpus: %w", err)
	}
	if t.Signals != nil {
		if d.SignalRoots, err = hashes(t.Signals, names); err != nil {
			return d, fmt.Errorf("signals: %w", err)
		}
	}
	if t.Query == "" {
		t.Query = "true"
	}
	if d.Query.Predicate, err = ParseQuery(t.Query, names.Tool); err != nil {
		return d, err
	}
	if t.Sampling != nil {
		if d.Sampling, err = t.Sampling.def(); err != nil {
			return d, fmt.Errorf("sampling: %w", err)
		}
	}
	if t.Stratify != nil {
		path, err := ParseQuery(t.Stratify.Key+` == "`+seedOf("").String()+`"`, names.Tool)
		if err != nil || path.Path == nil {
			return d, fmt.Errorf("stratify: key %q: a hash field of the episode is expected", t.Stratify.Key)
		}
		d.Stratify = &StratifyDef{KeyPath: *path.Path, PerBucketN: t.Stratify.PerBucket, Seed: seedOf(t.Stratify.Seed)}
	}
	return d, nil
}

func (s samplingText) def() (SamplingDef, error) {
	modes := map[string]uint8{"": SampleAll, "all": SampleAll, "first_n": SampleFirstN, "hash_n": SampleHashN}
	mode, ok := modes[s.Mode]
	if !ok {
		return SamplingDef{}, fmt.Errorf("mode %q is not known (all, first_n, hash_n)", s.Mode)
	}
	return SamplingDef{Mode: mode, N: s.N, Seed: seedOf(s.Seed)}, nil
}

// seedOf takes 64 hex digits as they are and hashes any other text.
func seedOf(text string) object.Hash {
	if h, err := object.ParseHash(text); err == nil {
		return h
	}
	return object.SumText(text)
}

func hashes(texts []string, names Names) ([]object.Hash, error) {
	out := make([]object.Hash, len(texts))
	for i, text := range texts {
		h, err := names.Hash(text)
		if err != nil {
			return nil, err
		}
		out[i] = h
	}
	return out, nil
}
