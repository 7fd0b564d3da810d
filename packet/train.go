package packet

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/dict"
	"github.com/klauspost/compress/zstd"

	"github.com/mythos-project/mythos/object"
)

// Saving is what a trained codebook was measured to save, in bytes of payload
// over the samples it was measured on.
type Saving struct {
	Samples  int  // measured
	HeldOut  bool // they took no part in the training
	Plain    int  // codec 1
	Baseline int  // codec 2 with the baseline codebook
	Trained  int  // codec 2 with the trained one
}

// minSamples is the least number of bundles that a dictionary can be made of.
const minSamples = 4

// heldOutFrom is the number of samples from which one in five is kept for
// measuring.
const heldOutFrom = 10

// ErrTraining means that the samples make no useful codebook.
var ErrTraining = errors.New("packet: no codebook can be trained from these samples")

// Train makes a codebook of bundles that were exchanged before: the baseline's
// entries and a zstd dictionary of about size bytes. The same samples may give
// another dictionary the next time; what two peers agree on is the codebook's id.
// The caller decides from the saving whether to propose it.
func Train(samples [][]byte, size int) (*Codebook, Saving, error) {
	training, measured := samples, samples
	heldOut := len(samples) >= heldOutFrom
	if heldOut {
		training, measured = nil, nil
		for i, s := range samples {
			if i%5 == 4 {
				measured = append(measured, s)
			} else {
				training = append(training, s)
			}
		}
	}
	if len(training) < minSamples || size < 256 || size > MaxDictionary {
		return nil, Saving{}, fmt.Errorf("%w: %d samples, a dictionary of %d bytes", ErrTraining, len(samples), size)
	}
	dictionary, err := buildDictionary(training, size)
	if err != nil {
		return nil, Saving{}, fmt.Errorf("%w: %w", ErrTraining, err)
	}
	cb := &Codebook{Entries: Baseline().Entries, Dictionary: dictionary}
	saving := Saving{Samples: len(measured), HeldOut: heldOut}
	for _, s := range measured {
		if err := saving.add(cb, s); err != nil {
			return nil, Saving{}, fmt.Errorf("%w: %w", ErrTraining, err)
		}
	}
	return cb, saving, nil
}

// buildDictionary turns a panic of the library, which some samples without
// anything in common cause, into an error: that is the one thing it is caught for.
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
	id := binary.BigEndian.Uint32(h.Sum[:])&0x3fffffff | 0x8000 // clear of the registered numbers
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
