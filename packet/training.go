package packet

import "github.com/mythos-project/mythos/object"

// CodebookTraining is the request of the effect codebook.train (spec/wire.md#training).
type CodebookTraining struct {
	Samples []object.Hash `can:"1,samples"` // bundles, at most 4096; the order decides which ones are only measured
	Size    uint32        `can:"2,size"`    // size of the dictionary, in bytes
}

// TrainedCodebook is the response of the effect codebook.train: a codebook stored here and its measured saving.
type TrainedCodebook struct {
	Codebook object.Hash `can:"1,codebook_id"`
	Measured uint64      `can:"2,measured"` // samples that took no part in the training
	Plain    uint64      `can:"3,plain"`    // their bytes, not compressed
	Baseline uint64      `can:"4,baseline"` // compressed with the baseline
	Trained  uint64      `can:"5,trained"`  // compressed with the codebook
}
