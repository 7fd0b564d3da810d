package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// shape says how a text becomes features.
type shape struct{ bits, ngrams, maxText int }

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func isWord(b byte) bool {
	return b == '_' || (b >= '0' && b <= '9') || (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z')
}

// features gives the features of text, ascending and each once, and the number of
// its words.
func (s shape) features(text string) ([]uint32, int64) {
	text = text[:min(len(text), s.maxText)]
	buckets := uint64(1)<<s.bits - 1
	list := []uint32{0}
	words := int64(0)
	var before uint64 // hash of the word before and a blank
	for i := 0; i < len(text); {
		if !isWord(text[i]) {
			i++
			continue
		}
		alone, pair := uint64(fnvOffset), before
		for ; i < len(text) && isWord(text[i]); i++ {
			alone = (alone ^ uint64(text[i])) * fnvPrime
			pair = (pair ^ uint64(text[i])) * fnvPrime
		}
		list = append(list, uint32(1+alone%buckets))
		if s.ngrams > 1 && words > 0 {
			list = append(list, uint32(1+pair%buckets))
		}
		before = (alone ^ ' ') * fnvPrime
		words++
	}
	slices.Sort(list)
	return slices.Compact(list), words
}

// class finds the class of an example.
func (e example) class(label string) (string, bool) {
	for _, s := range e.Signals {
		if s.Type != "label" {
			continue
		}
		if label == "" && s.Kind == "u64" {
			n, err := strconv.ParseUint(strings.Trim(string(s.Value), `"`), 10, 64)
			return strconv.FormatUint(n, 10), err == nil
		}
		var text string
		if label == "" || s.Kind != "text" || json.Unmarshal(s.Value, &text) != nil {
			continue
		}
		if class, ok := strings.CutPrefix(text, label+"="); ok {
			return class, true
		}
	}
	return "", false
}

// sample is an example made ready.
type sample struct {
	features []uint32
	class    string
	order    [sha256.Size]byte // of its text
}

// compare orders samples by what they are.
func (s sample) compare(t sample) int {
	return cmp.Or(bytes.Compare(s.order[:], t.order[:]), strings.Compare(s.class, t.class))
}

// read reads the dataset. Skipped lines and words are counted.
func (s shape) read(in *input, fn func(sample)) (examples, skipped, words int64, err error) {
	err = in.examples(func(e example) error {
		class, ok := e.class(in.header.Label)
		if !ok || e.Text == nil {
			skipped++
			return nil
		}
		features, n := s.features(*e.Text)
		examples++
		words += n
		fn(sample{features, class, sha256.Sum256([]byte(*e.Text))})
		return nil
	})
	if err == nil && examples == 0 {
		err = errNoExamples
	}
	return examples, skipped, words, err
}
