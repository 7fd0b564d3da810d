package quickstart

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

func (l *loop) datasets(ctx context.Context) error {
	l.part("g", "Evidence becomes a dataset, and the same dataset elsewhere")
	if _, err := l.run(ctx, "A scorer looks at each file: is it a test? does it import unsafe?", "tool", "build", "scorer", "-o", "scorer.wasm"); err != nil {
		return err
	}
	if _, err := l.run(ctx, "It is a tool like any other,", "-C", "a", "tool", "add", "scorer", "--wasm", "../scorer.wasm", "--retry-safe"); err != nil {
		return err
	}
	if _, err := l.run(ctx, "and needs a capability like any other.", "-C", "a", "-q", "cap", "issue", "--to", "self", "--scope", "tool.call:scorer,calls=10000", "--ttl", "1h"); err != nil {
		return err
	}
	for _, part := range [][3]string{{"2-5/5", "corpus/train", "Four fifths of the episodes, by the hash of each request, to learn from;"}, {"1/5", "corpus/test", "the rest is held out."}} {
		root, err := l.run(ctx, part[2], "-C", "a", "-q", "corpus", "snapshot", "--tool", "textstat", "--part", part[0], "--ref", part[1])
		if err != nil {
			return err
		}
		if part[1] == "corpus/train" {
			l.corpus = root
		}
	}
	if err := l.score(ctx); err != nil {
		return err
	}
	return l.buildTwice(ctx)
}

func (l *loop) score(ctx context.Context) error {
	for _, corpus := range []string{"@corpus/train", "@corpus/test"} {
		var s struct{ Episodes, Scored, Replayed, Signals int }
		if err := l.runJSON(ctx, &s, "Traces are episodes by now; the scorer emits signed signals about them.", "-C", "a", "score", "scorer", "--corpus", corpus); err != nil {
			return err
		}
		l.fact("%d episodes, %d scored, %d replayed, %d signals", s.Episodes, s.Scored, s.Replayed, s.Signals)
	}
	return nil
}

const definition = `corpus: [%s]
signals: [%s]
query: has_tool("textstat") and status == 200 and signal.reward == 1
sampling: {mode: %s, n: %d, seed: quickstart}
`

type builtDataset struct {
	Manifest string `json:"manifest"`
	Count    int    `json:"count"`
	Seen     int    `json:"seen"`
	Def      string `json:"dataset_def_id"`
}

func (l *loop) buildTwice(ctx context.Context) error {
	signals, err := l.run(ctx, "The signals seen with them are fixed, too: a rebuild must see the same.", "-C", "a", "-q", "corpus", "signals", "@corpus/train", "--ref", "signals/train")
	if err != nil {
		return err
	}
	if err := l.write("train.yaml", fmt.Sprintf(definition, l.corpus, signals, "hash_n", 5000)); err != nil {
		return err
	}
	var a, b builtDataset
	if err := l.runJSON(ctx, &a, "The build is an effect with a receipt.", "-C", "a", "-q", "dataset", "build", "../train.yaml", "--ref", "train"); err != nil {
		return err
	}
	l.fact("manifest %s, %d of %d episodes", a.Manifest, a.Count, a.Seen)
	l.def = a.Def
	if err := l.pull(ctx); err != nil {
		return err
	}
	if err := l.runJSON(ctx, &b, "B builds it from the same definition.", "-C", "b", "-q", "dataset", "build", "../train.yaml", "--ref", "train"); err != nil {
		return err
	}
	l.fact("manifest %s, %d of %d episodes", b.Manifest, b.Count, b.Seen)
	if a.Manifest != b.Manifest {
		return fmt.Errorf("the manifests differ")
	}
	l.fact("identical")
	var test, small builtDataset
	if err := l.write("test.yaml", "corpus: [\"@corpus/test\"]\n"); err != nil {
		return err
	}
	if err := l.runJSON(ctx, &test, "The held-out episodes are a dataset of their own.", "-C", "a", "-q", "dataset", "build", "../test.yaml", "--ref", "test"); err != nil {
		return err
	}
	l.test = test.Manifest
	if err := l.write("small.yaml", fmt.Sprintf(definition, l.corpus, signals, "hash_n", 1)); err != nil {
		return err
	}
	return l.runJSON(ctx, &small, "And one of a single episode, too few to learn anything.", "-C", "a", "-q", "dataset", "build", "../small.yaml", "--ref", "small")
}

// pull brings the evidence to B.
func (l *loop) pull(ctx context.Context) error {
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	read, err := l.run(ctx, "B may read the definition and everything below it,", "-C", "a", "-q", "cap", "issue", "--to", "b", "--scope", "blob.read:"+l.def, "--ttl", "1h")
	if err != nil {
		return err
	}
	text, err := l.run(ctx, "by a capability that travels as text.", "-C", "a", "cap", "export", read)
	if err != nil {
		return err
	}
	if err := l.write("read.cap", text+"\n"); err != nil {
		return err
	}
	stop, err := l.start(ctx, "A serves on loopback.", addr, "-C", "a", "serve", "--listen", addr)
	if err != nil {
		return err
	}
	defer stop()
	var got struct {
		Parts int
		Bytes int64
	}
	if err := l.runJSON(ctx, &got, "B pulls; every part proves itself by its hash or its signature.", "-C", "b", "pull", "http://"+addr, l.def, "--cap", "../read.cap"); err != nil {
		return err
	}
	l.fact("%d parts, %d bytes", got.Parts, got.Bytes)
	return nil
}

func (l *loop) models(ctx context.Context) error {
	l.part("h", "A model is trained, measured, attested, promoted and rolled back; nothing moves up without evidence")
	if err := l.chooseLabel(ctx); err != nil {
		return err
	}
	if err := l.defineLearning(ctx); err != nil {
		return err
	}
	weak, before, err := l.trainAndMeasure(ctx, "weak", l.recipe[0], "@small")
	if err != nil {
		return err
	}
	if err := l.refused(ctx, 4, "Attested and signed off, but below the policy's threshold: refused.", "-C", "a", "promote", weak, "--ring", "0", "--policy", l.policy); err != nil {
		return err
	}
	first, after, err := l.trainAndMeasure(ctx, "first", l.recipe[0], "@train")
	if err != nil {
		return err
	}
	l.fact("balanced accuracy on held-out episodes: %s before, %s after", micro(before), micro(after))
	if err := l.promote(ctx, "All six conditions hold: it enters ring 0.", first); err != nil {
		return err
	}
	second, _, err := l.trainAndMeasure(ctx, "second", l.recipe[1], "@train")
	if err != nil {
		return err
	}
	if err := l.promote(ctx, "A second model takes its place; the first one stays pinned.", second); err != nil {
		return err
	}
	restored, err := l.run(ctx, "Rolled back: the pinned model is in service again.", "-C", "a", "-q", "rollback", "--ring", "0", "--reason", "to see it work")
	if err != nil {
		return err
	}
	if restored != first {
		return fmt.Errorf("the rollback restored %s, not %s", restored, first)
	}
	l.fact("ring 0 has %s again", restored)
	out, err := l.run(ctx, "From the model in service down to the first capability, every link verified:", "-C", "a", "why", "@ring0")
	for _, text := range strings.Split(out, "\n") {
		l.f.IO.Printf("     %s\n", text)
	}
	return err
}

// promote puts a model into ring 0, unless an earlier tour in this folder left it there.
func (l *loop) promote(ctx context.Context, why, model string) error {
	out, err := l.command(ctx, []string{"-C", "a", "model", "ls", "--json"}).Output()
	if err != nil {
		return err
	}
	for _, text := range strings.Split(string(out), "\n") {
		if strings.Contains(text, model) && strings.Contains(text, "ring0") {
			l.fact("model %s is in ring 0 already", model)
			return nil
		}
	}
	_, err = l.run(ctx, why, "-C", "a", "promote", model, "--ring", "0", "--policy", l.policy)
	return err
}

// chooseLabel takes the property of the files that varies most evenly: the learner
// has something to learn only where both classes are there.
func (l *loop) chooseLabel(ctx context.Context) error {
	out, err := l.run(ctx, "What did the scorer find in the held-out files?", "-C", "a", "dataset", "export", "@test")
	if err != nil {
		return err
	}
	counts := map[string]map[string]int{}
	for _, text := range strings.Split(out, "\n") {
		var sample struct {
			Signals []struct {
				Type, Kind string
				Value      any
			}
		}
		if err := json.Unmarshal([]byte(text), &sample); err != nil {
			return err
		}
		for _, s := range sample.Signals {
			name, value, ok := strings.Cut(fmt.Sprint(s.Value), "=")
			if s.Type != "label" || !ok {
				continue
			}
			if counts[name] == nil {
				counts[name] = map[string]int{}
			}
			counts[name][value]++
		}
	}
	rarest := 0
	for _, name := range []string{"test", "unsafe", "build_tag", "generated", "cgo", "lang"} {
		least, classes := 1<<30, len(counts[name])
		for _, n := range counts[name] {
			least = min(least, n)
		}
		if classes > 1 && least > rarest {
			l.label, rarest = name, least
		}
	}
	if rarest < 3 {
		return fmt.Errorf("no property of these files varies enough for a classifier: name a directory with Go sources and tests")
	}
	l.fact("label %q varies most: %v", l.label, counts[l.label])
	return nil
}

func (l *loop) defineLearning(ctx context.Context) error {
	if _, err := l.run(ctx, "The learner is a tool, too: a linear classifier over hashed words.", "tool", "build", "linear", "-o", "linear.wasm"); err != nil {
		return err
	}
	if _, err := l.run(ctx, "Its id pins the code that trains and measures.", "-C", "a", "tool", "add", "linear", "--wasm", "../linear.wasm", "--retry-safe"); err != nil {
		return err
	}
	var err error
	for i, epochs := range []int{5, 9} {
		name := fmt.Sprintf("recipe%d.yaml", i+1)
		if err := l.write(name, fmt.Sprintf("code: linear\nlabel: %s\nparams: {epochs: %d}\n", l.label, epochs)); err != nil {
			return err
		}
		if l.recipe[i], err = l.run(ctx, "A recipe: predict the label "+l.label+" of a file from its text.", "-C", "a", "recipe", "add", "../"+name, "--ref", fmt.Sprintf("recipe%d", i+1)); err != nil {
			return err
		}
		if _, err = l.run(ctx, "May be trained three times.", "-C", "a", "-q", "cap", "issue", "--to", "self", "--scope", "train.run:"+l.recipe[i]+",jobs=3", "--ttl", "1h"); err != nil {
			return err
		}
	}
	if err := l.write("suite.yaml", "code: linear\nlabel: "+l.label+"\ntests: \"@test\"\nmetrics: [accuracy_micro, balanced_accuracy_micro]\n"); err != nil {
		return err
	}
	if l.suite, err = l.run(ctx, "The suite that measures it.", "-C", "a", "suite", "add", "../suite.yaml", "--ref", "suite"); err != nil {
		return err
	}
	if _, err = l.run(ctx, "May be run ten times.", "-C", "a", "-q", "cap", "issue", "--to", "self", "--scope", "eval.run:"+l.suite+",runs=10", "--ttl", "1h"); err != nil {
		return err
	}
	policy := "name: first light\nring: 0\nsuites: [\"@suite\"]\nthresholds:\n  - {metric: balanced_accuracy_micro, at_least: 600000, largest_regression: 200000}\nquorum: 1\nverifiers: [" + l.keyA + "]\n"
	if err := l.write("policy.yaml", policy); err != nil {
		return err
	}
	if l.policy, err = l.run(ctx, "The policy of ring 0, signed.", "-C", "a", "policy", "add", "../policy.yaml", "--ref", "policy"); err != nil {
		return err
	}
	if _, err := l.run(ctx, "It is put in force.", "-C", "a", "policy", "set", l.policy); err != nil {
		return err
	}
	_, err = l.run(ctx, "Somebody may promote into ring 0 under this policy.", "-C", "a", "-q", "cap", "issue", "--to", "self", "--scope", "deploy.promote:0,policy="+l.policy, "--ttl", "1h")
	return err
}

// trainAndMeasure trains a model, shows that it is refused without attestations,
// measures it and attests.
func (l *loop) trainAndMeasure(ctx context.Context, name, recipe, dataset string) (string, int64, error) {
	var trained struct {
		Model    string
		Examples uint64
	}
	if err := l.runJSON(ctx, &trained, "Training is an effect: the receipt names the dataset, the recipe and the code.", "-C", "a", "train", recipe, dataset, "--ref", "models/"+name); err != nil {
		return "", 0, err
	}
	l.fact("model %s from %d examples", trained.Model, trained.Examples)
	if name == "weak" {
		if err := l.refused(ctx, 4, "Nothing attests to it yet: refused.", "-C", "a", "promote", trained.Model, "--ring", "0", "--policy", l.policy); err != nil {
			return "", 0, err
		}
	}
	var measured struct {
		Receipt  string
		Examples uint64
		Metrics  map[string]int64
	}
	if err := l.runJSON(ctx, &measured, "Measured on the held-out episodes.", "-C", "a", "eval", trained.Model, l.suite); err != nil {
		return "", 0, err
	}
	accuracy := measured.Metrics["balanced_accuracy_micro"]
	l.fact("balanced accuracy %s on %d episodes (accuracy %s; always guessing the most frequent class: %s)", micro(accuracy), measured.Examples,
		micro(measured.Metrics["accuracy_micro"]), micro(measured.Metrics["baseline_micro"]))
	if _, err := l.run(ctx, "A verifier checks the receipt, measures again and attests.", "-C", "a", "attest", measured.Receipt); err != nil {
		return "", 0, err
	}
	_, err := l.run(ctx, "And signs it off under the policy.", "-C", "a", "attest", trained.Model, "--policy", l.policy)
	return trained.Model, accuracy, err
}

func micro(v int64) string { return fmt.Sprintf("%.4f", float64(v)/1e6) }
