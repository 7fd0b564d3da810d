// Command ngram is a tool that trains and evaluates a language model over bytes:
// n-grams with Witten-Bell smoothing, in whole numbers, so that the same request
// gives the same bytes on every machine.
//
// # Requests
//
// are those of the tool linear: a JSON header line with op, label, params and
// weights_bytes, then the weights, then the dataset, one JSON object a line with
// the members request_text and signals. With an empty label every example that has
// a text is read; with a label name=value only those that have that text label.
// The others are skipped.
//
// # Training
//
//	order     length of the longest n-gram in bytes  1 to 6, 4 if absent
//	max_text  bytes of a text that are looked at     64 to 16777216, 16384 if absent
//
// Weights in a train request are counts to add to; order and max_text are then
// theirs. The response is a line of JSON, with format mythos.ngram/1, and the
// weights. Its metrics are bytes and ngrams, the number of different n-grams.
//
// # Evaluation
//
// gives the metrics examples, bytes, loss_micro (the mean of -ln p over all bytes,
// in millionths of a nat), perplexity_micro (e to the power of that),
// bits_per_byte_micro, and baseline_micro (the loss of the same model when it sees
// no context).
//
// # Weights
//
// are a line of JSON {"format","label","order","max_text"}, and for each length
// from 1 to order the number of different n-grams and, ascending by their bytes,
// the increase of the n-gram read as a big-endian number and its count, all as
// LEB128.
//
// # Model
//
// With c the count of an n-gram, C that of all n-grams with the same context and N
// the number of different ones, p(byte|context) = (c + N·p')/(C + N), p' being the
// same for the context without its first byte; with C = 0 it is p'. Below the
// shortest, p' is 1/256. Probabilities have 52 fractional bits, logarithms 32,
// both rounded down. The context starts empty in every text.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ngram:", err)
		os.Exit(1)
	}
}

func run(stdin io.Reader, stdout io.Writer) error {
	in, err := readInput(stdin)
	if err != nil {
		return err
	}
	switch in.header.Op {
	case "train":
		return train(in, stdout)
	case "eval":
		return eval(in, stdout)
	}
	return fmt.Errorf("op is %q, expected train or eval", in.header.Op)
}
