package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/mythos-project/mythos/internal/jsontext"
	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/weights"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/tree"
	"github.com/mythos-project/mythos/store"
)

// The tool protocol (spec/learning.md#tools). A training or evaluating tool reads one request from standard input and
// writes one response to standard output.
//
//	request   a JSON object on one line: TrainRequest or EvalRequest
//	          weights_bytes bytes of weights, raw
//	          the dataset: one JSON object a line, of the kind that the parameter "rows" names
//	response  a JSON object on one line: TrainResponse or EvalResponse
//	          for train: weights_bytes bytes of weights, raw
//
// A tool that takes a tree is given the parts of the request as files, one that gives a tree
// leaves those of the response ([Form]); so weights may be folders.
//
// A tool ignores unknown members, gives the same response to the same request, and reports a failure by an exit code
// other than 0 and a line on standard error.

// Operations of the protocol.
const (
	OpTrain = "train"
	OpEval  = "eval"
)

// RowsParam is the parameter of recipes and suites for the form of a dataset line: "raw", "messages",
// "prompt-completion" or "preference", as `dataset export --rows` writes them; absent: a sample, with request_text,
// response_text and signals.
const RowsParam = "rows"

// TrainRequest is the first line of a request to train.
type TrainRequest struct {
	Op           string            `json:"op"`    // OpTrain
	Label        string            `json:"label"` // the value to predict; each tool documents its form
	Params       map[string]string `json:"params"`
	WeightsBytes int64             `json:"weights_bytes"` // of the base model; 0: none
	Recipe       object.Hash       `json:"recipe"`        // for the record: the recipe of the request
	Dataset      object.Hash       `json:"dataset"`       // cid of the manifest
	MaxTokens    uint64            `json:"max_tokens"`    // most that the response may report; a tool that needs more should say so before it starts
	MaxGPUms     uint64            `json:"max_gpu_ms"`    // likewise, in milliseconds
}

// TrainResponse is the first line of the response.
type TrainResponse struct {
	Op            string           `json:"op"`
	Format        string           `json:"format"` // name of the weights' format
	Media         string           `json:"media"`  // media type of the weights
	WeightsBytes  int64            `json:"weights_bytes"`
	WeightsSHA256 string           `json:"weights_sha256"` // hex
	Examples      uint64           `json:"examples"`       // number of examples learned from
	Skipped       uint64           `json:"skipped"`        // lines without the label
	Tokens        uint64           `json:"tokens"`         // charged against the budget
	GPUms         uint64           `json:"gpu_ms"`         // charged against the budget
	Metrics       map[string]int64 `json:"metrics"`
}

// EvalRequest is the first line of a request to evaluate.
type EvalRequest struct {
	Op           string            `json:"op"` // OpEval
	Label        string            `json:"label"`
	Params       map[string]string `json:"params"`
	WeightsBytes int64             `json:"weights_bytes"`
	Model        object.Hash       `json:"model"`
	Suite        object.Hash       `json:"suite"`
}

// EvalResponse is the response to it.
type EvalResponse struct {
	Op       string           `json:"op"`
	Examples uint64           `json:"examples"`
	Skipped  uint64           `json:"skipped"`
	Tokens   uint64           `json:"tokens"`
	GPUms    uint64           `json:"gpu_ms"`
	Metrics  map[string]int64 `json:"metrics"`
}

// ErrTool means that a tool's response violates the protocol.
var ErrTool = errors.New("the tool does not speak the protocol")

const (
	maxResponseLine = 1 << 20 // bytes
	maxWeights      = store.MaxBytes
)

// MaxToolRequest is the largest request for a tool, in bytes: the largest byte string that can be stored. The same
// bound holds for a response. A tool's registration may set a lower one.
const MaxToolRequest = store.MaxBytes

// splitLabel removes the label from a recipe's or a suite's parameters.
func splitLabel(params map[string]string) (label string, rest map[string]string) {
	rest = make(map[string]string, len(params))
	for name, value := range params {
		if name == "label" {
			label = value
		} else {
			rest[name] = value
		}
	}
	return label, rest
}

// toolRequest builds a request; header is a TrainRequest or an EvalRequest whose WeightsBytes is len(weights).
func toolRequest(header any, weights []byte, dataset io.Reader) ([]byte, error) {
	line, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	b := bytes.NewBuffer(append(line, '\n'))
	b.Write(weights)
	room := int64(MaxToolRequest - b.Len())
	if n, err := b.ReadFrom(io.LimitReader(dataset, room+1)); err != nil {
		return nil, fmt.Errorf("dataset: %w", err)
	} else if n > room {
		return nil, fmt.Errorf("the request exceeds %d bytes: take fewer examples", MaxToolRequest)
	}
	return b.Bytes(), nil
}

// ParseTrainResponse checks a response to train and returns the weights, a part of body. Weights of media type
// safetensors must be valid. Errors wrap ErrTool.
func ParseTrainResponse(body []byte) (TrainResponse, []byte, error) {
	var r TrainResponse
	rest, err := parseLine(body, &r)
	if err != nil {
		return r, nil, err
	}
	sum := sha256.Sum256(rest)
	switch {
	case r.WeightsBytes != int64(len(rest)) || len(rest) == 0 || len(rest) > maxWeights:
		return r, nil, fmt.Errorf("%w: it announces %d bytes of weights and gives %d", ErrTool, r.WeightsBytes, len(rest))
	case r.WeightsSHA256 != hex.EncodeToString(sum[:]):
		return r, nil, fmt.Errorf("%w: weights_sha256 is not the hash of the weights", ErrTool)
	case r.Media == tree.Media:
		return r, nil, fmt.Errorf("%w: media is %q, and the weights are not a folder", ErrTool, r.Media)
	}
	return r, rest, r.check(rest)
}

// check checks what does not depend on the form of the response, and fills in what is left out.
func (r *TrainResponse) check(data []byte) error {
	switch {
	case r.Op != OpTrain:
		return fmt.Errorf("%w: op is %q", ErrTool, r.Op)
	case r.Format == "":
		return fmt.Errorf("%w: no format", ErrTool)
	case r.Media == "":
		r.Media = model.WeightsMedia
	case r.Media == weights.SafetensorsMedia:
		if err := weights.CheckSafetensors(data); err != nil {
			return fmt.Errorf("%w: %w", ErrTool, err)
		}
	}
	return metricsOf(&r.Metrics)
}

// ParseEvalResponse checks a response to eval. Errors wrap ErrTool.
func ParseEvalResponse(body []byte) (EvalResponse, error) {
	var r EvalResponse
	rest, err := parseLine(body, &r)
	switch {
	case err != nil:
		return r, err
	case len(rest) > 0:
		return r, fmt.Errorf("%w: %d bytes follow the response", ErrTool, len(rest))
	}
	return r, r.check()
}

func (r *EvalResponse) check() error {
	if r.Op != OpEval {
		return fmt.Errorf("%w: op is %q", ErrTool, r.Op)
	}
	return metricsOf(&r.Metrics)
}

func parseLine(body []byte, v any) (rest []byte, err error) {
	line, rest, _ := bytes.Cut(body, []byte("\n"))
	if len(line) > maxResponseLine {
		return nil, fmt.Errorf("%w: the first line exceeds %d bytes", ErrTool, maxResponseLine)
	}
	return rest, parseObject(line, v)
}

func parseObject(text []byte, v any) error {
	if err := jsontext.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%w: %w", ErrTool, err)
	}
	return nil
}

func metricsOf(metrics *map[string]int64) error {
	if *metrics == nil {
		*metrics = map[string]int64{}
	}
	if err := model.CheckMetrics(*metrics); err != nil {
		return fmt.Errorf("%w: %w", ErrTool, err)
	}
	return nil
}
