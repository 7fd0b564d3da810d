// Package weights reads the weights of models: a blob, or a folder of files. It checks their form, and every byte of
// them (spec/learning.md#weights).
package weights

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/object/merkle"
	"github.com/mythos-project/mythos/object/tree"
)

// ErrWeights means that a file or a folder cannot be the weights of a model.
var ErrWeights = errors.New("it cannot be weights")

const maxFiles = 10_000 // each is a line of what is signed about the model

// Walk calls fn for all that is in weights that are a folder, by path, folders before what
// is in them, and checks that it can be weights: files alone, not too many, with names that
// statements can say. Errors wrap ErrWeights, tree.ErrTree, or are those of the reader and of fn.
func Walk(ctx context.Context, nodes merkle.NodeReader, folder object.Hash, fn func(path string, e tree.Entry) error) error {
	files := 0
	err := tree.Walk(nodes, folder, func(path []byte, e tree.Entry) (bool, error) {
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case !utf8.Valid(path):
			return false, fmt.Errorf("%w: the name %q is not UTF-8", ErrWeights, path)
		case e.Kind == tree.Folder:
			return true, fn(string(path), e)
		case e.Kind != tree.File:
			return false, fmt.Errorf("%w: %q is a symbolic link: put a copy of the file in its place (cp -L)", ErrWeights, path)
		}
		if files++; files > maxFiles {
			return false, fmt.Errorf("%w: more than %d files", ErrWeights, maxFiles)
		}
		return false, fn(string(path), e)
	})
	if err == nil && files == 0 {
		err = fmt.Errorf("%w: it has no file", ErrWeights)
	}
	return err
}
