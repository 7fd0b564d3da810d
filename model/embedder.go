package model

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/object"
)

// Embedder says how texts become vectors (our addition, spec/learning.md#vectors). The same text under the same
// embedder is one effect, whoever asks for it.
type Embedder struct {
	Tool      object.Hash `can:"1,tool_id"`
	Form      uint8       `can:"2,form"`      // of request and response: 1 the text and the vector's bytes, 2 JSON
	Dimension uint32      `can:"3,dimension"` // 1 to 4,096
	MaxText   uint32      `can:"4,max_text"`  // bytes of a text that are embedded, 1 to 1,048,576
	Model     *string     `can:"5,model"`     // the model's name for the tool, at most 256 bytes; only with form 2
}

// IndexVectors describe the vectors in a state of an index (our addition).
type IndexVectors struct {
	Embedder Embedder    `can:"1,embedder"`
	Receipts object.Hash `can:"2,receipts"` // root of a list: for each episode of the manifest, in its order, the receipt of the effect that embedded its request
}

// Forms of an embedder.
const (
	EmbedBytes = 1 // the text, and the vector's parts as float32 in little-endian order
	EmbedJSON  = 2 // an embeddings endpoint: {"input":TEXT}, and {"data":[{"embedding":[...]}]}
)

// Bounds of an Embedder.
const (
	MaxDimension = 4096
	MaxEmbedText = 1 << 20
	maxModelName = 256
)

// ErrEmbedding means that a text cannot be embedded, or that a response is not a vector of the embedder's dimension.
var ErrEmbedding = errors.New("not embedded")

// Check checks form, bounds and the model [field-82].
func (e Embedder) Check() error {
	switch {
	case e.Form != EmbedBytes && e.Form != EmbedJSON:
		return fmt.Errorf("form %d is not known (1 bytes, 2 JSON)", e.Form)
	case e.Dimension < 1 || e.Dimension > MaxDimension:
		return fmt.Errorf("dimension %d is not one of 1 to %d", e.Dimension, MaxDimension)
	case e.MaxText < 1 || e.MaxText > MaxEmbedText:
		return fmt.Errorf("texts of %d bytes: 1 to %d can be embedded", e.MaxText, MaxEmbedText)
	case e.Model != nil && (e.Form != EmbedJSON || *e.Model == "" || len(*e.Model) > maxModelName):
		return fmt.Errorf("a model has 1 to %d bytes, and form 2 alone names one", maxModelName)
	}
	return nil
}

// Request is the request to the tool for a text [learn-100]: the text up to MaxText bytes, cut at the end of a
// character. The error wraps ErrEmbedding.
func (e Embedder) Request(text string) ([]byte, error) {
	if end := int(e.MaxText); len(text) > end {
		for end > 0 && end > int(e.MaxText)-utf8.UTFMax+1 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	if e.Form == EmbedBytes {
		return []byte(text), nil
	}
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("%w: the text is not UTF-8, which JSON is: only a tool that takes bytes can embed it", ErrEmbedding)
	}
	var f jsontext.Fields
	f.Add("input", jsontext.Text(text))
	if e.Model != nil {
		f.AddText("model", *e.Model)
	}
	return f.JSON(), nil
}

// EmbedKey is the key of an embedding effect with this request [learn-104].
func EmbedKey(request []byte) []byte {
	sum := object.Sum(request)
	key := object.Sum(append([]byte("mythos.embed"), sum.Sum[:]...))
	return key.Sum[:]
}

// Vector is the vector in a response [learn-103]. The error wraps ErrEmbedding.
func (e Embedder) Vector(response []byte) (v []float32, err error) {
	if e.Form == EmbedBytes {
		v, err = e.fromBytes(response)
	} else {
		v, err = e.fromJSON(response)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEmbedding, err)
	}
	if len(v) != int(e.Dimension) {
		return nil, fmt.Errorf("%w: the vector has dimension %d, expected was %d", ErrEmbedding, len(v), e.Dimension)
	}
	for i, x := range v {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return nil, fmt.Errorf("%w: part %d of the vector is %v", ErrEmbedding, i, x)
		}
	}
	return v, nil
}

func (e Embedder) fromBytes(response []byte) ([]float32, error) {
	if len(response)%4 != 0 || len(response) > 4*MaxDimension {
		return nil, fmt.Errorf("%d bytes are not a vector of float32", len(response))
	}
	v := make([]float32, len(response)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(response[4*i:]))
	}
	return v, nil
}

// fromJSON rounds each number to the nearest float32.
func (e Embedder) fromJSON(response []byte) ([]float32, error) {
	f, err := jsontext.FieldsOf(response)
	if err != nil {
		return nil, err
	}
	data, err := jsontext.ListOf(f.Get("data"))
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	if len(data) != 1 {
		return nil, fmt.Errorf("data has %d items, one text was asked about", len(data))
	}
	if f, err = jsontext.FieldsOf(data[0]); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	parts, err := jsontext.ListOf(f.Get("embedding"))
	if err != nil {
		return nil, fmt.Errorf("embedding: %w", err)
	}
	if len(parts) > MaxDimension {
		return nil, fmt.Errorf("embedding has %d numbers, %d are the most", len(parts), MaxDimension)
	}
	v := make([]float32, len(parts))
	for i, part := range parts {
		if v[i], err = float(part); err != nil {
			return nil, fmt.Errorf("embedding: number %d: %w", i, err)
		}
	}
	return v, nil
}

func float(raw json.RawMessage) (float32, error) {
	if !jsontext.IsNumber(raw) {
		return 0, fmt.Errorf("%s stands where a number is expected", jsontext.Describe(raw))
	}
	x, err := strconv.ParseFloat(string(raw), 32)
	if err != nil {
		return 0, fmt.Errorf("%s has no float32", raw)
	}
	return float32(x), nil
}
