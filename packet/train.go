package packet

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/dict"
	"github.com/klauspost/compress/zstd"

	"github.com/mythos-project/mythos/object"
)

// Saving is the measured saving of a trained codebook, in bytes of payload, over samples that took no part in its
// training.
type Saving struct {
	Samples  int // measured
	Plain    int // codec 1
	Baseline int // codec 2 with the baseline codebook
	Trained  int // codec 2 with the trained one
}

// minSamples is the smallest number of different bundles from which a dictionary can be made.
const minSamples = 4

// heldOut is the share of samples used only for measuring: one in five, and at least one.
const heldOut = 5

// ErrTraining means that the samples make no useful codebook.
var ErrTraining = errors.New("packet: no codebook can be trained from these samples")

// Train makes a codebook from bundles that were exchanged before: the baseline's entries and a zstd dictionary of about
// size bytes (256 to [MaxDictionary]). Of the different samples every fifth is used only for measuring, so at least
// five are needed. Training with the same samples again may give another dictionary; two peers therefore agree on the
// codebook's id. The caller decides from the saving whether to propose it. Errors wrap [ErrTraining].
func Train(samples [][]byte, size int) (*Codebook, Saving, error) {
	training, measured := split(samples)
	switch {
	case len(training) < minSamples || len(measured) == 0:
		return nil, Saving{}, fmt.Errorf("%w: %d samples that differ, at least %d are needed", ErrTraining, len(training)+len(measured), minSamples+1)
	case size < 256 || size > MaxDictionary:
		return nil, Saving{}, fmt.Errorf("%w: a dictionary of %d bytes, it has 256 to %d", ErrTraining, size, MaxDictionary)
	}
	dictionary, err := buildDictionary(training, size)
	if err != nil {
		return nil, Saving{}, fmt.Errorf("%w: %w", ErrTraining, err)
	}
	cb := &Codebook{Entries: Baseline().Entries, Dictionary: dictionary, coders: &coders{}}
	saving := Saving{Samples: len(measured)}
	for _, s := range measured {
		if err := saving.add(cb, s); err != nil {
			return nil, Saving{}, fmt.Errorf("%w: %w", ErrTraining, err)
		}
	}
	return cb, saving, nil
}

// split divides the different samples into those for training and those for measuring.
func split(samples [][]byte) (training, measured [][]byte) {
	seen := make(map[object.Hash]bool, len(samples))
	for _, s := range samples {
		id := object.Sum(s)
		if seen[id] {
			continue
		}
		seen[id] = true
		if len(seen)%heldOut == 0 {
			measured = append(measured, s)
		} else {
			training = append(training, s)
		}
	}
	return training, measured
}

// buildDictionary turns a panic of the library into an error. Some samples that have nothing in common cause it;
// recover is here for this case alone.
func buildDictionary(samples [][]byte, size int) (d []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("build dictionary: %v", r)
		}
	}()
	var all []byte
	for _, s := range samples {
		h := object.Sum(s)
		all = append(all, h.Sum[:]...)
	}
	h := object.Sum(all)
	id := binary.BigEndian.Uint32(h.Sum[:])&0x3fffffff | 0x8000 // outside the range of registered numbers
	return dict.BuildZstdDict(samples, dict.Options{
		MaxDictSize: size, HashBytes: 6, ZstdDictID: id, ZstdDictCompat: true, ZstdLevel: zstd.SpeedBetterCompression,
	})
}

func (s *Saving) add(cb *Codebook, sample []byte) error {
	baseline, err := compress(sample, nil)
	if err != nil {
		return err
	}
	trained, err := compress(sample, cb)
	if err != nil {
		return err
	}
	s.Plain += len(sample)
	s.Baseline += len(baseline)
	s.Trained += len(trained)
	return nil
}
