// Command linear is a tool that trains and evaluates a linear classifier over
// hashed features of a text: an averaged perceptron in whole numbers, so that the
// same request gives the same bytes on every machine.
//
// # Requests
//
// The first line is a JSON object with the members op ("train" or "eval"), label,
// params (text to text) and weights_bytes; others are ignored. Exactly
// weights_bytes bytes of weights follow, then the dataset, one JSON object a line,
// with the members request_text and signals:
//
//	{"op":"train","label":"test","params":{"epochs":"5"}}
//	{"episode":"<hex>","request_text":"package a\n","signals":[{"type":"label","kind":"text","value":"test=0"}]}
//
// The class of an example is the value of its first signal of type label whose
// kind is text and whose value is "<label>=<class>"; with an empty label, the
// value of its first label of kind u64. An example without one, or without a text,
// is skipped.
//
// # Training
//
//	epochs    passes over the dataset                      1 to 100, 5 if absent
//	bits      the table has 2^bits weights for each class  8 to 20, 16 if absent
//	ngrams    1: words; 2: also pairs of neighbours        1 or 2, 2 if absent
//	max_text  bytes of a text that are looked at           64 to 16777216, 65536 if absent
//
// Examples are learned in the order of the SHA-256 of their texts, so that the same
// examples give the same weights whatever their ids are, which the order of a dataset
// depends on. Weights in a train request are those to start from; bits, ngrams and max_text
// are then theirs. The response is a line of JSON and the weights, raw:
//
//	{"op":"train","format":"mythos.linear/1","media":"application/x-safetensors","weights_bytes":N,
//	 "weights_sha256":"<hex>","examples":N,"skipped":N,"tokens":N,"gpu_ms":0,"metrics":{...}}
//
// with the metrics classes, train_accuracy_micro and updates. tokens counts words.
// After each pass "progress PASS/PASSES updates=N" goes to standard error.
//
// # Evaluation
//
// needs weights of the same label. The response is a line of JSON:
//
//	{"op":"eval","examples":N,"skipped":N,"tokens":N,"gpu_ms":0,"metrics":{...}}
//
// with the metrics examples, correct, accuracy_micro, balanced_accuracy_micro (the
// mean over the classes of the share that was found) and baseline_micro (the
// accuracy of always guessing the most frequent class).
//
// # Weights
//
// are a safetensors file: one I32 tensor "weight" of shape [classes, 2^bits] in
// units of 1/1024, and the metadata format, label, classes (a JSON list, ascending),
// bits, ngrams and max_text. The class with the largest sum of weights over the
// features wins, the first of them when there are several. Feature 0 is in every
// text; a word w is feature 1 + FNV1a64(w) mod (2^bits - 1), a pair is hashed with
// a blank between its words. A word is a run of ASCII letters, digits and _, and
// counts once per text.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "linear:", err)
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

var errNoExamples = errors.New("the dataset has no example with this label")
