package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// maxClasses bounds the size of a model.
const maxClasses = 64

func train(in *input, out io.Writer) error {
	m, err := start(in)
	if err != nil {
		return err
	}
	epochs, err := in.param("epochs", 5, 1, 100)
	if err != nil {
		return err
	}
	var samples []sample
	t := trained{Format: format, Media: "application/x-safetensors"}
	t.Examples, t.Skipped, t.Tokens, err = m.shape.read(in, func(s sample) { samples = append(samples, s) })
	if err != nil {
		return err
	}
	slices.SortFunc(samples, sample.compare)
	for _, s := range samples {
		m.addClass(s.class)
	}
	if len(m.classes) > maxClasses {
		return fmt.Errorf("the label has %d classes, at most %d", len(m.classes), maxClasses)
	}
	updates := m.learn(samples, epochs)
	correct := int64(0)
	for _, s := range samples {
		if m.classes[m.predict(s.features)] == s.class {
			correct++
		}
	}
	t.Metrics = map[string]int64{
		"classes":              int64(len(m.classes)),
		"train_accuracy_micro": micro(correct, t.Examples),
		"updates":              updates,
	}
	weights, err := m.encode()
	if err != nil {
		return err
	}
	return writeTrained(out, t, weights)
}

// start makes the model to train: a new one, or the one in the request.
func start(in *input) (*model, error) {
	if len(in.weights) > 0 {
		return decode(in.weights, in.header.Label)
	}
	m := &model{label: in.header.Label}
	var errs [3]error
	m.shape.bits, errs[0] = in.param("bits", 16, 8, 20)
	m.shape.ngrams, errs[1] = in.param("ngrams", 2, 1, 2)
	m.shape.maxText, errs[2] = in.param("max_text", 64<<10, 64, 16<<20)
	return m, errors.Join(errs[:]...)
}

// addClass keeps the classes ascending, and their rows with them.
func (m *model) addClass(class string) {
	i, found := slices.BinarySearch(m.classes, class)
	if !found {
		m.classes = slices.Insert(m.classes, i, class)
		m.weights = slices.Insert(m.weights, i, make([]int32, 1<<m.shape.bits))
	}
}

// learn runs the averaged perceptron and returns the number of its mistakes. The
// weights become the mean of those after each step: with c counting the steps
// from 1, late is the sum of c·change, and the mean w - late/steps.
func (m *model) learn(samples []sample, epochs int) (updates int64) {
	late := make([][]int64, len(m.classes))
	for i := range late {
		late[i] = make([]int64, 1<<m.shape.bits)
	}
	c := int64(0)
	for epoch := range epochs {
		for _, s := range samples {
			c++
			want, _ := slices.BinarySearch(m.classes, s.class)
			got := m.predict(s.features)
			if got == want {
				continue
			}
			updates++
			for _, f := range s.features {
				m.weights[want][f] += scale
				late[want][f] += scale * c
				m.weights[got][f] -= scale
				late[got][f] -= scale * c
			}
		}
		fmt.Fprintf(os.Stderr, "progress %d/%d updates=%d\n", epoch+1, epochs, updates)
	}
	for k := range m.weights {
		for f := range m.weights[k] {
			m.weights[k][f] -= int32(late[k][f] / (c + 1))
		}
	}
	return updates
}
