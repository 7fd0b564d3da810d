package export

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mythos-project/mythos/dataset"
	"github.com/mythos-project/mythos/dataset/export/croissant"
	"github.com/mythos-project/mythos/dataset/query"
	"github.com/mythos-project/mythos/dataset/redact"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// Card describes an exported dataset.
type Card struct {
	Def   *dataset.DatasetDef
	Ref   *dataset.DatasetRef
	Files []File
	Trees []Attached // ascending by id
	Rows  Rows
	// Format is that of the files.
	Format Format
	// Builder signed the receipt of the build, at Built; zero: the receipt is not here.
	Builder object.AgentID
	Built   object.Time
	// Redaction is how the files were redacted; nil: not at all.
	Redaction *redact.Rules
}

// cardHead is the YAML at the head of a card; dataset loaders read configs.
type cardHead struct {
	Configs []cardConfig `yaml:"configs"`
	Mythos  cardMythos   `yaml:"mythos"`
}

type cardConfig struct {
	Name  string         `yaml:"config_name"`
	Files []cardDataFile `yaml:"data_files"`
}

type cardDataFile struct {
	Split string   `yaml:"split"`
	Path  []string `yaml:"path"`
}

type cardMythos struct {
	Definition string         `yaml:"dataset_def_id"`
	Manifest   string         `yaml:"manifest"`
	Count      uint64         `yaml:"count"`
	Receipt    string         `yaml:"build_receipt_id"`
	Corpora    []string       `yaml:"corpus_roots"`
	Signals    []string       `yaml:"signal_roots,omitempty"`
	Redaction  *cardRedaction `yaml:"redaction,omitempty"`
	Files      []cardFile     `yaml:"files"`
	Trees      []string       `yaml:"trees,omitempty"`
}

type cardRedaction struct {
	Rules string `yaml:"rules"`
	Key   string `yaml:"key_id"`
}

type cardFile struct {
	Name   string `yaml:"name"`
	Rows   uint64 `yaml:"rows"`
	Bytes  int64  `yaml:"bytes"`
	SHA256 string `yaml:"sha256"`
}

// Markdown writes the card: YAML between two lines of dashes, then text. It has the whole definition, so that the
// dataset can be rebuilt from card and evidence.
func (c Card) Markdown() ([]byte, error) {
	head, err := yaml.Marshal(c.head())
	if err != nil {
		return nil, fmt.Errorf("dataset card: %w", err)
	}
	raw, err := can.Marshal(c.Def)
	if err != nil {
		return nil, fmt.Errorf("dataset card: %w", err)
	}
	def, err := object.ToJSON(can.TypeOf(reflect.TypeFor[dataset.DatasetDef]()), raw)
	if err != nil {
		return nil, fmt.Errorf("dataset card: %w", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "---\n%s---\n\n# Dataset %s\n\n", head, c.Ref.Manifest.CID.Short())
	fmt.Fprintf(&b, "%d episodes, selected by `%s`, %s.\n\n", c.Ref.Count, query.Decompile(&c.Def.Query.Predicate), c.Def.SamplingText())
	b.WriteString("The manifest is the root over the ids of the episodes. Whoever has the corpora can rebuild it\nfrom this definition, with `mythos dataset verify`:\n\n")
	fmt.Fprintf(&b, "```json\n%s\n```\n", def)
	if c.Redaction != nil {
		b.WriteString("\nPayloads were redacted: replaced values read `[label:keyed hash]`, keyed hashes of payloads `hmac-sha256:...`.\n")
	}
	b.WriteString("\n| file | part | rows | bytes | sha256 |\n|---|---|---:|---:|---|\n")
	for _, f := range c.Files {
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %s |\n", f.Name, f.Part, f.Rows, f.Bytes, f.SHA256)
	}
	if len(c.Trees) > 0 {
		b.WriteString("\nCalls took and gave trees of files. A row has the id of such a tree as the text of a request or a response;\nits files are in the folder of that name.\n")
		b.WriteString("\n| folder | files | bytes |\n|---|---:|---:|\n")
	}
	for _, t := range c.Trees {
		fmt.Fprintf(&b, "| %s | %d | %d |\n", t.Name(), t.Files, t.Bytes)
	}
	return []byte(b.String()), nil
}

// Croissant is the description of the files for catalogs (spec/datasets.md#croissant).
func (c Card) Croissant() ([]byte, error) {
	id := c.Ref.Manifest.CID
	d := croissant.Dataset{Name: "dataset-" + id.Short(), Encoding: c.Format.media(), Columns: c.columns(), Cite: fmt.Sprintf("MYTHOS dataset %s, manifest %s, build receipt %s", c.Ref.DatasetDefID, id, c.Ref.BuildReceiptID),
		Description: fmt.Sprintf("%d episodes, selected by %s, %s, as rows of the kind %s.", c.Ref.Count, query.Decompile(&c.Def.Query.Predicate), c.Def.SamplingText(), c.Rows)}
	if c.Builder.Scheme != 0 {
		d.Creator, d.Published = c.Builder.KeyHex(), c.Built.String()
	}
	for _, f := range c.Files {
		d.Files = append(d.Files, croissant.File{Name: f.Name, Split: f.Part, Bytes: f.Bytes, SHA256: f.SHA256.String()})
		if !slices.Contains(d.Splits, f.Part) {
			d.Splits = append(d.Splits, f.Part)
		}
	}
	if len(c.Trees) > 0 {
		d.Folder = AttachedFolder
	}
	return d.JSON()
}

// columns are those of the table. For lines, columns that none of them can have are left out.
func (c Card) columns() []croissant.Column {
	list := croissant.Columns(c.Rows.table())
	if c.Format == JSONL {
		list = slices.DeleteFunc(list, func(c croissant.Column) bool { return c.Absent })
	}
	return list
}

func (c Card) head() cardHead {
	h := cardHead{Mythos: cardMythos{Definition: c.Def.DatasetDefID.String(), Manifest: c.Ref.Manifest.CID.String(), Count: c.Ref.Count,
		Receipt: c.Ref.BuildReceiptID.String(), Corpora: texts(c.Def.CorpusRoots), Signals: texts(c.Def.SignalRoots)}}
	config := cardConfig{Name: "default"}
	for _, f := range c.Files {
		h.Mythos.Files = append(h.Mythos.Files, cardFile{f.Name, f.Rows, f.Bytes, f.SHA256.String()})
		last := len(config.Files) - 1
		if last < 0 || config.Files[last].Split != f.Part {
			config.Files = append(config.Files, cardDataFile{Split: f.Part})
			last++
		}
		config.Files[last].Path = append(config.Files[last].Path, f.Name)
	}
	for _, t := range c.Trees {
		h.Mythos.Trees = append(h.Mythos.Trees, t.ID.String())
	}
	h.Configs = []cardConfig{config}
	if c.Redaction != nil {
		h.Mythos.Redaction = &cardRedaction{c.Redaction.ID().String(), c.Redaction.KeyID()}
	}
	return h
}

func texts(list []object.Hash) []string {
	out := make([]string, len(list))
	for i, h := range list {
		out[i] = h.String()
	}
	return out
}
