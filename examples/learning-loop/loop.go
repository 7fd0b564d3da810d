package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// point is how well each layer does after a day: the share of the held-out files whose package it names correctly and,
// for the instant layer, what it saves.
type point struct {
	instant, fast, consolidated float64
	again                       float64 // share of the day's calls that were not made again when they were asked for again
	smaller                     float64 // share of the bytes of packets that the tuned codebook saves
	note                        string
}

// loop is a run of the example.
type loop struct {
	dir, bin string
	days     int
	data     data
	points   []point
	books    []book         // agreed on with the peer, newest last
	models   map[int]string // by ring: its present model
}

// mythos runs a command in the repository and returns its output.
func (l *loop) mythos(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, l.bin, append([]string{"-q"}, args...)...)
	cmd.Dir = l.dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("mythos %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}

// all runs commands, each given by its words.
func (l *loop) all(ctx context.Context, commands ...string) error {
	for _, c := range commands {
		if _, err := l.mythos(ctx, strings.Fields(c)...); err != nil {
			return err
		}
	}
	return nil
}

func (l *loop) write(name, text string) error {
	return os.WriteFile(filepath.Join(l.dir, name), []byte(text), 0o600)
}

// callLine and searchLine are the lines of a batch of calls, and of searches.
func callLine(f file) map[string]string   { return map[string]string{"key": f.path, "request": f.text} }
func searchLine(f file) map[string]string { return map[string]string{"text": f.text} }

// batch writes files as the lines of a batch.
func (l *loop) batch(name string, line func(file) map[string]string, files []file) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, f := range files {
		if err := enc.Encode(line(f)); err != nil {
			return err
		}
	}
	return l.write(name, b.String())
}

// prepare makes the repository, its tools, the held-out files, the suites and the policies. Ring 1 demands what ring 0
// demands, and the stronger suite.
func (l *loop) prepare(ctx context.Context) error {
	if err := l.batch("held.jsonl", callLine, l.data.held); err != nil {
		return err
	}
	if err := l.batch("searches.jsonl", searchLine, l.data.held); err != nil {
		return err
	}
	half := l.data.held[:len(l.data.held)/2]
	if err := l.batch("half.jsonl", callLine, half); err != nil {
		return err
	}
	bin := filepath.Join(l.dir, "bin")
	err := l.all(ctx, "init --name loop",
		"tool add read --retry-safe --unconfined --process wc -c",
		"tool add subject --retry-safe --unconfined --process "+filepath.Join(bin, "subject"),
		"tool add linear --retry-safe --unconfined --process "+filepath.Join(bin, "linear"),
		"cap issue --scope tool.call:read,calls=10000 --ttl 24h",
		"cap issue --scope tool.call:subject,calls=10000 --ttl 24h")
	if err != nil {
		return err
	}
	if err := l.meetPeer(ctx); err != nil {
		return err
	}
	for _, name := range []string{"half", "held"} {
		if err := l.evidence(ctx, name); err != nil {
			return err
		}
		suite := fmt.Sprintf("code: linear\nlabel: pkg\ntests: \"@%s\"\nmetrics: [accuracy_micro, balanced_accuracy_micro]\n", name)
		if err := l.write("suite-"+name+".yaml", suite); err != nil {
			return err
		}
		if err := l.all(ctx, "suite add suite-"+name+".yaml --ref suite/"+name, "cap issue --scope eval.run:@suite/"+name+" --ttl 24h"); err != nil {
			return err
		}
	}
	policies := []string{
		"name: today\nring: 0\nsuites: [\"@suite/half\"]\nthresholds: [{metric: accuracy_micro, at_least: 100000}]\nquorum: 1\nverifiers: [self]\nkeep: 3\n",
		"name: for good\nring: 1\nsuites: [\"@suite/half\", \"@suite/held\"]\nthresholds: [{metric: accuracy_micro, at_least: 300000, largest_regression: 50000}]\n" +
			"quorum: 1\nverifiers: [self]\nkeep: 8\n"}
	for ring, text := range policies {
		name := fmt.Sprintf("policy%d", ring)
		if err := l.write(name+".yaml", text); err != nil {
			return err
		}
		if err := l.all(ctx, "policy add "+name+".yaml --ref "+name, "policy set @"+name,
			fmt.Sprintf("cap issue --scope deploy.promote:%d,policy=@%s --ttl 24h", ring, name)); err != nil {
			return err
		}
	}
	return nil
}

// evidence lets a tool read the files of NAME.jsonl, has them labelled, and makes the corpus and the dataset @NAME of
// these episodes.
func (l *loop) evidence(ctx context.Context, name string) error {
	out, err := l.mythos(ctx, "call", "read", "--batch", name+".jsonl", "--capture", "--json")
	if err != nil {
		return err
	}
	if err := l.episodes(ctx, name, out); err != nil {
		return err
	}
	return l.all(ctx, "corpus snapshot --from "+name+".ids --ref corpus/"+name, "score subject --corpus @corpus/"+name, "dataset build "+name+".yaml --ref "+name)
}

// episodes writes the ids of the episodes of calls to NAME.ids, and the definition of a dataset of them.
func (l *loop) episodes(ctx context.Context, name, calls string) error {
	receipts := map[string]bool{}
	for _, line := range strings.Split(calls, "\n") {
		var c struct{ Receipt string }
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			return err
		}
		receipts[c.Receipt] = true
	}
	list, err := l.mythos(ctx, "episode", "ls", "--json")
	if err != nil {
		return err
	}
	var ids []string
	for _, line := range strings.Split(list, "\n") {
		var e struct {
			ID    string `json:"episode_id"`
			Trace struct {
				Receipts []string `json:"receipt_ids"`
			} `json:"trace_ref"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return err
		}
		for _, r := range e.Trace.Receipts {
			if receipts[r] {
				ids = append(ids, e.ID)
				break
			}
		}
	}
	if len(ids) == 0 {
		return errors.New("the calls left no episodes")
	}
	return errors.Join(l.write(name+".ids", strings.Join(ids, "\n")+"\n"), l.write(name+".yaml", "corpus: [\"@corpus/"+name+"\"]\n"))
}

// day lets each layer learn from the files of a day, and measures them all.
func (l *loop) day(ctx context.Context, day int) error {
	name := fmt.Sprintf("day%d", day)
	if err := l.batch(name+".jsonl", callLine, l.data.days[day-1]); err != nil {
		return err
	}
	if err := l.evidence(ctx, name); err != nil {
		return err
	}
	p, err := l.instant(ctx, name)
	if err != nil {
		return err
	}
	if p.note, err = l.fast(ctx, day, "@"+name); err != nil {
		return err
	}
	if day%2 == 0 {
		note, err := l.consolidate(ctx, day)
		if err != nil {
			return err
		}
		p.note += "; " + note
	}
	for ring, accuracy := range map[int]*float64{0: &p.fast, 1: &p.consolidated} {
		if m := l.models[ring]; m != "" {
			if *accuracy, _, err = l.measure(ctx, m, "@suite/held"); err != nil {
				return err
			}
		}
	}
	l.points = append(l.points, p)
	return nil
}

// fast trains on one day's files, continuing from the model in ring 0, and promotes the result only into ring 0.
func (l *loop) fast(ctx context.Context, day int, dataset string) (note string, err error) {
	base := ""
	if l.models[0] != "" {
		base = "base: \"" + l.models[0] + "\"\n"
	}
	m, err := l.train(ctx, fmt.Sprintf("fast%d", day), "code: linear\nlabel: pkg\n"+base+"params: {epochs: 1, ngrams: 1}\n", dataset)
	if err != nil {
		return "", err
	}
	if err := l.vouch(ctx, m, "@suite/half"); err != nil {
		return "", err
	}
	return l.promote(ctx, m, 0)
}

// consolidate trains on all files so far, from scratch, has the model measured by both suites, and promotes it ring by
// ring.
func (l *loop) consolidate(ctx context.Context, day int) (note string, err error) {
	var corpora []string
	for i := 1; i <= day; i++ {
		corpora = append(corpora, fmt.Sprintf("\"@corpus/day%d\"", i))
	}
	name := fmt.Sprintf("all%d", day)
	if err := l.write(name+".yaml", "corpus: ["+strings.Join(corpora, ", ")+"]\n"); err != nil {
		return "", err
	}
	if _, err := l.mythos(ctx, "dataset", "build", name+".yaml", "--ref", name); err != nil {
		return "", err
	}
	m, err := l.train(ctx, "batch", "code: linear\nlabel: pkg\nparams: {epochs: 4, ngrams: 1}\n", "@"+name)
	if err != nil {
		return "", err
	}
	for _, suite := range []string{"@suite/half", "@suite/held"} {
		if err := l.vouch(ctx, m, suite); err != nil {
			return "", err
		}
	}
	for ring := range 2 {
		n, err := l.promote(ctx, m, ring)
		if err != nil {
			return "", err
		}
		note = strings.TrimPrefix(note+", "+n, ", ")
	}
	return note, nil
}

// train adds a recipe and trains with it.
func (l *loop) train(ctx context.Context, name, recipe, dataset string) (model string, err error) {
	if err := l.write(name+".yaml", recipe); err != nil {
		return "", err
	}
	id, err := l.mythos(ctx, "recipe", "add", name+".yaml")
	if err != nil {
		return "", err
	}
	if _, err := l.mythos(ctx, "cap", "issue", "--scope", "train.run:"+id+",jobs=1", "--ttl", "1h"); err != nil {
		return "", err
	}
	return l.mythos(ctx, "train", id, dataset)
}

// measure runs a suite on a model.
func (l *loop) measure(ctx context.Context, model, suite string) (accuracy float64, receipt string, err error) {
	out, err := l.mythos(ctx, "eval", model, suite, "--json")
	if err != nil {
		return 0, "", err
	}
	var e struct {
		Receipt string
		Metrics map[string]int64
	}
	if err := json.Unmarshal([]byte(out), &e); err != nil {
		return 0, "", err
	}
	return float64(e.Metrics["accuracy_micro"]) / 1e6, e.Receipt, nil
}

// vouch measures a model and attests the measurement.
func (l *loop) vouch(ctx context.Context, model, suite string) error {
	_, receipt, err := l.measure(ctx, model, suite)
	if err == nil {
		_, err = l.mythos(ctx, "attest", receipt)
	}
	return err
}

// promote signs off a model and promotes it. A refusal by the policy is not an error of the loop: the ring remains as
// it is.
func (l *loop) promote(ctx context.Context, model string, ring int) (note string, err error) {
	policy := fmt.Sprintf("@policy%d", ring)
	if _, err := l.mythos(ctx, "attest", model, "--policy", policy); err != nil {
		return "", err
	}
	_, err = l.mythos(ctx, "promote", model, "--ring", fmt.Sprint(ring), "--policy", policy)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 4 {
		return fmt.Sprintf("ring %d refuses %s", ring, model[:8]), nil
	}
	if err != nil {
		return "", err
	}
	l.models[ring] = model
	return fmt.Sprintf("ring %d takes %s", ring, model[:8]), nil
}

// undo undoes the newest step of the instant layer and of ring 0, checks that both are as they were, and repeats the
// index's step.
func (l *loop) undo(ctx context.Context) error {
	if err := l.undoInstant(ctx); err != nil {
		return err
	}
	restored, err := l.mythos(ctx, "rollback", "--ring", "0", "--reason", "to see it work")
	if err == nil && restored == l.models[0] {
		err = errors.New("the rollback of ring 0 changed nothing")
	}
	return err
}
