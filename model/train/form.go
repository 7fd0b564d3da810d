package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/weights"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/tree"
)

// Form is how a tool is given its request and gives its response: as bytes, or as a folder
// with a file for each part (spec/learning.md#folders).
type Form struct {
	Takes, Gives bool // a folder
	Folders      Folders
}

// Folders keeps folders as trees; internal/trees has one.
type Folders interface {
	Nodes(ctx context.Context) merkle.NodeReader
	// Fold stores a folder of parts, which ascend by name.
	Fold(ctx context.Context, parts ...Part) (object.Hash, error)
	// Copy writes the verified bytes of a file.
	Copy(ctx context.Context, e tree.Entry, w io.Writer) error
	// Own makes a folder inside a tree that is here a tree of its own.
	Own(ctx context.Context, folder, of object.Hash) (object.BlobRef, error)
}

// Part is a part of a folder: a new file, or a file or a folder that is here.
type Part struct {
	Name string
	File io.Reader
	Have *tree.Entry // its name does not count, nor does the size of a folder
}

// The parts of a request and of a response that are folders.
const (
	requestPart  = "request.json"
	responsePart = "response.json"
	datasetPart  = "dataset.jsonl"
	weightsPart  = "weights"
)

// Weights are bytes, or a folder. The zero Weights are none.
type Weights struct {
	Bytes  []byte
	Folder *object.Hash // id of its tree
	in     object.Hash  // the tree that has the folder, of a response
}

func (w Weights) none() bool { return w.Folder == nil && len(w.Bytes) == 0 }

// ErrForm means that a tool cannot be given weights that are a folder. It wraps
// model.ErrRefused.
var ErrForm = fmt.Errorf("%w: the weights are a folder, and the tool takes bytes: register it with --takes-tree", model.ErrRefused)

// request puts a request together; header is a TrainRequest or an EvalRequest whose
// WeightsBytes is the length of the weights' bytes.
func (f Form) request(ctx context.Context, header any, weights Weights, dataset io.Reader) ([]byte, error) {
	switch {
	case !f.Takes && weights.Folder != nil:
		return nil, ErrForm
	case !f.Takes:
		return toolRequest(header, weights.Bytes, dataset)
	}
	line, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	parts := []Part{{Name: datasetPart, File: dataset}, {Name: requestPart, File: bytes.NewReader(append(line, '\n'))}}
	switch {
	case weights.Folder != nil:
		parts = append(parts, Part{Name: weightsPart, Have: &tree.Entry{Kind: tree.Folder, Content: weights.Folder}})
	case len(weights.Bytes) > 0:
		parts = append(parts, Part{Name: weightsPart, File: bytes.NewReader(weights.Bytes)})
	}
	id, err := f.Folders.Fold(ctx, parts...)
	return tree.Line(id), err
}

// trained checks a response to train. Errors wrap ErrTool.
func (f Form) trained(ctx context.Context, body []byte) (TrainResponse, Weights, error) {
	if !f.Gives {
		r, weights, err := ParseTrainResponse(body)
		return r, Weights{Bytes: weights}, err
	}
	var r TrainResponse
	weights, err := f.open(ctx, body, &r)
	switch {
	case err != nil:
		return r, weights, err
	case weights.none():
		return r, weights, fmt.Errorf("%w: $MYTHOS_OUT/%s is not there, or is empty", ErrTool, weightsPart)
	case r.WeightsBytes != 0 || r.WeightsSHA256 != "":
		return r, weights, fmt.Errorf("%w: %s has weights_bytes or weights_sha256, which are of weights that follow it", ErrTool, responsePart)
	case weights.Folder != nil && r.Media != "":
		return r, weights, fmt.Errorf("%w: media is %q: weights that are a folder have none", ErrTool, r.Media)
	case weights.Folder != nil:
		r.Media = tree.Media
		err = f.checkFolder(ctx, *weights.Folder)
	}
	if err == nil {
		err = r.check(weights.Bytes)
	}
	return r, weights, err
}

// evaluated checks a response to eval. Errors wrap ErrTool.
func (f Form) evaluated(ctx context.Context, body []byte) (EvalResponse, error) {
	if !f.Gives {
		return ParseEvalResponse(body)
	}
	var r EvalResponse
	weights, err := f.open(ctx, body, &r)
	if err == nil && !weights.none() {
		err = fmt.Errorf("%w: the response to an evaluation has weights", ErrTool)
	}
	if err == nil {
		err = r.check()
	}
	return r, err
}

// open reads a response that is a folder: its line into v, and the weights.
func (f Form) open(ctx context.Context, body []byte, v any) (w Weights, err error) {
	if w.in, err = tree.ParseLine(body); err != nil {
		return w, fmt.Errorf("%w: %w", ErrTool, err)
	}
	d, err := tree.Open(f.Folders.Nodes(ctx), w.in)
	if err != nil {
		return w, err
	}
	var line []byte
	err = d.Each(func(e tree.Entry, _ object.Hash, _ []byte) (err error) {
		switch name := string(e.Name); {
		case name == responsePart && e.Kind == tree.File:
			line, err = f.read(ctx, e, maxResponseLine)
		case name == weightsPart && e.Kind == tree.File:
			w.Bytes, err = f.read(ctx, e, maxWeights)
		case name == weightsPart && e.Kind == tree.Folder:
			w.Folder = e.Content
		default:
			err = fmt.Errorf("%w: $MYTHOS_OUT has %q: a file %s is expected, and %s", ErrTool, name, responsePart, weightsPart)
		}
		return err
	})
	if err == nil && line == nil {
		err = fmt.Errorf("%w: $MYTHOS_OUT has no file %s", ErrTool, responsePart)
	}
	if err == nil {
		err = parseObject(bytes.TrimSuffix(line, []byte("\n")), v)
	}
	return w, err
}

// read reads a file whole. An error wraps ErrTool where it is too large.
func (f Form) read(ctx context.Context, e tree.Entry, most uint64) ([]byte, error) {
	if e.Size > most {
		return nil, fmt.Errorf("%w: %s has %d bytes, at most %d", ErrTool, e.Name, e.Size, most)
	}
	b := bytes.NewBuffer(make([]byte, 0, e.Size))
	err := f.Folders.Copy(ctx, e, b)
	return b.Bytes(), err
}

// checkFolder checks weights that are a folder. Errors wrap ErrTool.
func (f Form) checkFolder(ctx context.Context, folder object.Hash) error {
	err := weights.Walk(ctx, f.Folders.Nodes(ctx), folder, func(path string, e tree.Entry) error {
		if e.Kind != tree.File || !strings.HasSuffix(path, ".safetensors") {
			return nil
		}
		if err := weights.CheckFile(e.Size, func(w io.Writer) error { return f.Folders.Copy(ctx, e, w) }); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
	if errors.Is(err, weights.ErrWeights) || errors.Is(err, weights.ErrSafetensors) {
		err = fmt.Errorf("%w: %w", ErrTool, err)
	}
	return err
}

// cutShort is a folder without the second half of its largest file.
func (f Form) cutShort(ctx context.Context, folder object.Hash) (object.Hash, error) {
	d, err := tree.Open(f.Folders.Nodes(ctx), folder)
	if err != nil {
		return folder, err
	}
	var parts []Part
	most := 0
	err = d.Each(func(e tree.Entry, _ object.Hash, _ []byte) error {
		parts = append(parts, Part{Name: string(e.Name), Have: &e})
		if e.Size >= parts[most].Have.Size {
			most = len(parts) - 1
		}
		return nil
	})
	if err != nil || len(parts) == 0 {
		return folder, err
	}
	cut := &parts[most]
	if cut.Have.Kind == tree.Folder {
		id, err := f.cutShort(ctx, *cut.Have.Content)
		if err != nil {
			return folder, err
		}
		cut.Have.Content = &id
	} else {
		data, err := f.read(ctx, *cut.Have, maxWeights)
		if err != nil {
			return folder, err
		}
		cut.File, cut.Have = bytes.NewReader(data[:len(data)/2]), nil
	}
	return f.Folders.Fold(ctx, parts...)
}
