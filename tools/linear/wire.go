package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Bounds of a request, in bytes.
const (
	maxHeader  = 1 << 20
	maxLine    = 64 << 20
	maxWeights = 256 << 20
)

// header is the first line of a request.
type header struct {
	Op           string            `json:"op"`
	Label        string            `json:"label"`
	Params       map[string]string `json:"params"`
	WeightsBytes int64             `json:"weights_bytes"`
}

// trained is the first line of the response to train; the weights follow.
type trained struct {
	Op            string           `json:"op"`
	Format        string           `json:"format"`
	Media         string           `json:"media"`
	WeightsBytes  int              `json:"weights_bytes"`
	WeightsSHA256 string           `json:"weights_sha256"`
	Examples      int64            `json:"examples"`
	Skipped       int64            `json:"skipped"`
	Tokens        int64            `json:"tokens"`
	GPUms         int64            `json:"gpu_ms"`
	Metrics       map[string]int64 `json:"metrics"`
}

// evaluated is the response to eval.
type evaluated struct {
	Op       string           `json:"op"`
	Examples int64            `json:"examples"`
	Skipped  int64            `json:"skipped"`
	Tokens   int64            `json:"tokens"`
	GPUms    int64            `json:"gpu_ms"`
	Metrics  map[string]int64 `json:"metrics"`
}

// example is one line of a dataset, as far as it is looked at.
type example struct {
	Text    *string  `json:"request_text"`
	Signals []signal `json:"signals"`
}

type signal struct {
	Type  string          `json:"type"`
	Kind  string          `json:"kind"`
	Value json.RawMessage `json:"value"`
}

// input is a request that is being read: header, weights, examples.
type input struct {
	r       *bufio.Reader
	header  header
	weights []byte
}

func readInput(r io.Reader) (*input, error) {
	in := &input{r: bufio.NewReaderSize(r, 64<<10)}
	line, err := in.line(maxHeader)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if err := json.Unmarshal(line, &in.header); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	n := in.header.WeightsBytes
	if n < 0 || n > maxWeights {
		return nil, fmt.Errorf("header: weights_bytes is %d, at most %d", n, maxWeights)
	}
	// Grown as they come: a header that lies about the length costs no memory.
	if in.weights, err = io.ReadAll(io.LimitReader(in.r, n)); err == nil && int64(len(in.weights)) < n {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	return in, nil
}

// line reads a line of at most limit bytes without its end. At the end of the
// input the error is io.EOF.
func (in *input) line(limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := in.r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > limit:
			return nil, fmt.Errorf("a line exceeds %d bytes", limit)
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// examples calls fn for every line of the dataset.
func (in *input) examples(fn func(example) error) error {
	for n := 1; ; n++ {
		line, err := in.line(maxLine)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil && len(bytes.TrimSpace(line)) > 0 {
			var e example
			if err = json.Unmarshal(line, &e); err == nil {
				err = fn(e)
			}
		}
		if err != nil {
			return fmt.Errorf("dataset line %d: %w", n, err)
		}
	}
}

// param reads a whole number from the header's parameters.
func (in *input) param(name string, otherwise, least, most int) (int, error) {
	text, ok := in.header.Params[name]
	if !ok {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("parameter %s is %q, expected %d to %d", name, text, least, most)
	}
	return n, nil
}

// writeTrained answers a train request.
func writeTrained(out io.Writer, t trained, weights []byte) error {
	sum := sha256.Sum256(weights)
	t.Op, t.WeightsBytes, t.WeightsSHA256 = "train", len(weights), hex.EncodeToString(sum[:])
	if err := writeLine(out, t); err != nil {
		return err
	}
	_, err := out.Write(weights)
	return err
}

func writeLine(out io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err == nil {
		_, err = out.Write(append(line, '\n'))
	}
	return err
}
