package model

import (
	"fmt"

	"github.com/mythos-project/mythos/exec/ir"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/can"
)

// ImportTool is the effect that takes in a model which was trained elsewhere: ImportJob → ImportResult.
var ImportTool = ir.BuiltinTool("model.import")

// UnknownCode is the code_hash of a model that was imported: nobody here knows what trained it.
var UnknownCode = object.Sum(nil)

// ImportConfigMedia is the media type of an imported model's configuration blob.
const ImportConfigMedia = "application/mythos.model.import"

const (
	maxFormat = 256     // bytes
	maxSource = 4 << 10 // bytes
)

// Imported reports whether the model was imported: its code is unknown.
func (m *ModelRef) Imported() bool { return m.CodeHash == UnknownCode }

// ImportConfig is the content of the configuration blob of a model that was imported (our addition,
// spec/learning.md#import). It has no time and no signer, so that the same weights, media type and
// format give the same model.
type ImportConfig struct {
	Format string `can:"1,format"` // of the weights, in the importer's own words; may be empty
}

// ImportJob asks to take in a model (our addition): the request of the model.import effect.
type ImportJob struct {
	Weights object.BlobRef `can:"1,weights"`         // reference of a blob or of a tree; the media type says which
	Format  string         `can:"2,format"`          // of the weights, in the importer's own words, at most 256 bytes; may be empty
	Source  string         `can:"3,source,omitzero"` // where the weights come from, as the importer says, at most 4 KiB
}

// Check bounds the texts [field-87].
func (j ImportJob) Check() error {
	if len(j.Format) > maxFormat || len(j.Source) > maxSource {
		return fmt.Errorf("a format has at most %d bytes, a source %d", maxFormat, maxSource)
	}
	return nil
}

// Model is the model that the job asks for, its bytes, and its configuration's bytes.
func (j ImportJob) Model() (m ModelRef, raw, config []byte, err error) {
	if config, err = can.Marshal(&ImportConfig{Format: j.Format}); err != nil {
		return m, nil, nil, err
	}
	m = ModelRef{Weights: j.Weights, CodeHash: UnknownCode, Config: object.BlobRef{CID: object.Sum(config), Size: uint64(len(config)), Media: ImportConfigMedia}}
	m.ModelID, raw, err = NewModel(m)
	return m, raw, config, err
}

// ImportResult is the answer of the model.import effect; it repeats the job.
type ImportResult struct {
	Job   ImportJob `can:"1,job"`
	Model ModelRef  `can:"2,model"`
}

// OpenImportResult decodes the response of a model.import effect. It checks that the model is the one that the job asks
// for, and returns the request hash that the effect must have and the model's own bytes.
func OpenImportResult(raw []byte) (r *ImportResult, request object.Hash, modelRaw []byte, err error) {
	if r, err = object.Decode[ImportResult](raw); err != nil {
		return nil, object.Hash{}, nil, fmt.Errorf("import result: %w", err)
	}
	request, modelRaw, err = jobAndModel(raw)
	if err != nil {
		return nil, object.Hash{}, nil, fmt.Errorf("import result: %w", err)
	}
	want, _, _, err := r.Job.Model()
	if err == nil && r.Model.ModelID != want.ModelID {
		err = fmt.Errorf("%w: the model is %s, the job asks for %s", object.ErrInvalid, r.Model.ModelID.Short(), want.ModelID.Short())
	}
	if err != nil {
		return nil, object.Hash{}, nil, fmt.Errorf("import result: %w", err)
	}
	return r, request, modelRaw, nil
}

// jobAndModel is the hash of the job in the canonical bytes of a result, and the bytes of the model, whose id it checks.
func jobAndModel(raw []byte) (request object.Hash, modelRaw []byte, err error) {
	job, err := can.Field(raw, 1)
	if err != nil {
		return object.Hash{}, nil, err
	}
	if modelRaw, err = can.Field(raw, 2); err != nil {
		return object.Hash{}, nil, err
	}
	if _, err := ModelRule.CheckID(modelRaw); err != nil {
		return object.Hash{}, nil, fmt.Errorf("model: %w", err)
	}
	return object.Sum(job), modelRaw, nil
}
