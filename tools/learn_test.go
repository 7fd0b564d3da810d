package tools_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// halves divides a dataset that is sorted by hash into training and held-out lines.
func halves(data [][]byte) (train, held []byte) {
	cut := len(data) * 3 / 4
	return jsonLines(data[:cut]), jsonLines(data[cut:])
}

func TestLinearLearns(t *testing.T) {
	bin := native(t, "linear")
	train, held := halves(lines(t, goFiles(t, 5, "net", "os", "runtime", "encoding")))
	for _, label := range []string{"test", "unsafe"} {
		request := join(`{"op":"train","label":"`+label+`","params":{"bits":"14"}}`, train)
		out, err := run(t, bin, request)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := run(t, bin, request); err != nil || !bytes.Equal(out, again) {
			t.Fatalf("the same request gives other bytes (%v)", err)
		}
		trained, weights := split(t, out)
		if trained.Metrics["classes"] != 2 || trained.Metrics["train_accuracy_micro"] < 990_000 {
			t.Errorf("%s: %v", label, trained.Metrics)
		}
		checkSafetensors(t, weights, label)
		out, err = run(t, bin, join(fmt.Sprintf(`{"op":"eval","label":%q,"weights_bytes":%d}`, label, len(weights)), weights, held))
		if err != nil {
			t.Fatal(err)
		}
		r, _ := split(t, out)
		m := r.Metrics
		t.Logf("%s: %d examples, %v", label, trained.Examples, m)
		if m["accuracy_micro"] < m["baseline_micro"]+100_000 || m["examples"] != r.Examples || m["correct"] > m["examples"] {
			t.Errorf("%s: %v", label, m)
		}
	}
}

// checkSafetensors reads the weights as any reader of that format would.
func checkSafetensors(t *testing.T, data []byte, label string) {
	t.Helper()
	n := binary.LittleEndian.Uint64(data)
	var h struct {
		Metadata map[string]string `json:"__metadata__"`
		Weight   struct {
			DType   string `json:"dtype"`
			Shape   []int  `json:"shape"`
			Offsets []int  `json:"data_offsets"`
		} `json:"weight"`
	}
	if err := json.Unmarshal(data[8:8+n], &h); err != nil {
		t.Fatal(err)
	}
	w := h.Weight
	if n%8 != 0 || w.DType != "I32" || w.Shape[0]*w.Shape[1]*4 != w.Offsets[1] || len(data) != 8+int(n)+w.Offsets[1] || h.Metadata["label"] != label {
		t.Errorf("%+v for %d bytes", h, len(data))
	}
}

// TestLinearGoesOn trains in two steps, the second from the weights of the first.
func TestLinearGoesOn(t *testing.T) {
	bin := native(t, "linear")
	first, second := []byte(line("alpha beta", "x=a")+line("gamma", "x=b")), []byte(line("delta", "x=c"))
	out, err := run(t, bin, join(`{"op":"train","label":"x","params":{"bits":"9"}}`, first))
	if err != nil {
		t.Fatal(err)
	}
	_, weights := split(t, out)
	out, err = run(t, bin, join(fmt.Sprintf(`{"op":"train","label":"x","params":{},"weights_bytes":%d}`, len(weights)), weights, first, second))
	if err != nil {
		t.Fatal(err)
	}
	r, weights := split(t, out)
	if r.Metrics["classes"] != 3 {
		t.Fatalf("%v", r.Metrics)
	}
	out, err = run(t, bin, join(fmt.Sprintf(`{"op":"eval","label":"x","weights_bytes":%d}`, len(weights)), weights, first, second))
	if err != nil {
		t.Fatal(err)
	}
	if r, _ := split(t, out); r.Metrics["accuracy_micro"] != 1_000_000 {
		t.Errorf("%v", r.Metrics)
	}
}

func line(text, label string) string {
	return fmt.Sprintf("{\"episode\":\"00\",\"request_text\":%q,\"signals\":[{\"type\":\"label\",\"kind\":\"text\",\"value\":%q},{\"type\":\"label\",\"kind\":\"u64\",\"value\":%d}]}\n",
		text, label, len(text)%2)
}

func TestLinearNumbers(t *testing.T) {
	bin := native(t, "linear")
	data := []byte(line("one", "x=a") + line("four", "x=b") + `{"request_text":"unlabelled"}` + "\n\n" + line("odd number", "y=1"))
	out, err := run(t, bin, join(`{"op":"train","label":"","params":{"bits":"8","epochs":"3"}}`, data))
	if err != nil {
		t.Fatal(err)
	}
	r, weights := split(t, out)
	if r.Examples != 3 || r.Skipped != 1 || r.Metrics["classes"] != 2 {
		t.Errorf("%+v", r)
	}
	out, err = run(t, bin, join(fmt.Sprintf(`{"op":"eval","weights_bytes":%d}`, len(weights)), weights, []byte(line("one", "x=a"))))
	if r, _ := split(t, out); err != nil || r.Metrics["accuracy_micro"] != 1_000_000 || r.Metrics["baseline_micro"] != 1_000_000 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestTrainersRefuse(t *testing.T) {
	good := line("one", "x=a")
	for _, tool := range []string{"linear", "ngram"} {
		bin := native(t, tool)
		label := map[string]string{"linear": "x", "ngram": "x=a"}[tool]
		out, err := run(t, bin, join(`{"op":"train","label":"`+label+`"}`, []byte(good)))
		if err != nil {
			t.Fatal(err)
		}
		_, weights := split(t, out)
		eval := func(label string, n int, w []byte) []byte {
			return join(fmt.Sprintf(`{"op":"eval","label":%q,"weights_bytes":%d}`, label, n), w, []byte(good))
		}
		if _, err := run(t, bin, eval(label, len(weights), weights)); err != nil {
			t.Fatalf("%s: %v", tool, err)
		}
		for name, request := range map[string][]byte{
			"empty":           nil,
			"no JSON":         []byte("train\n"),
			"unknown op":      join(`{"op":"predict"}`, []byte(good)),
			"no example":      join(`{"op":"train","label":"other"}`, []byte(good)),
			"bad parameter":   join(`{"op":"train","label":"`+label+`","params":{"max_text":"-1"}}`, []byte(good)),
			"broken line":     join(`{"op":"train","label":"`+label+`"}`, []byte(good), []byte("{")),
			"other label":     eval("z", len(weights), weights),
			"cut weights":     eval(label, len(weights)-1, weights[:len(weights)-1]),
			"more weights":    eval(label, len(weights)+1, append(bytes.Clone(weights), 0)),
			"no weights":      eval(label, 0, nil),
			"weights too big": join(`{"op":"eval","weights_bytes":9000000000000}`),
			"lying weights":   join(`{"op":"eval","weights_bytes":200000000}`, weights),
			"negative":        join(`{"op":"eval","weights_bytes":-1}`, weights),
		} {
			if out, err := run(t, bin, request); err == nil || !strings.HasPrefix(err.Error(), tool+": ") || len(out) > 0 {
				t.Errorf("%s, %s: %v, %.100q", tool, name, err, out)
			}
		}
	}
}

func TestNgramLearns(t *testing.T) {
	bin := native(t, "ngram")
	train, held := halves(lines(t, goFiles(t, 3, "strconv", "strings", "bytes", "sort", "slices")))
	losses := map[string]int64{}
	for _, order := range []string{"1", "2", "4"} {
		request := join(`{"op":"train","params":{"max_text":"8192","order":"`+order+`"}}`, train)
		out, err := run(t, bin, request)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := run(t, bin, request); err != nil || !bytes.Equal(out, again) {
			t.Fatalf("the same request gives other bytes (%v)", err)
		}
		_, weights := split(t, out)
		out, err = run(t, bin, join(fmt.Sprintf(`{"op":"eval","weights_bytes":%d}`, len(weights)), weights, held))
		if err != nil {
			t.Fatal(err)
		}
		r, _ := split(t, out)
		m := r.Metrics
		t.Logf("order %s: %d bytes of weights, %v", order, len(weights), m)
		losses[order] = m["loss_micro"]
		if order == "1" && m["loss_micro"] != m["baseline_micro"] {
			t.Errorf("order 1: %v", m)
		}
		if m["perplexity_micro"] < 1_000_000 || m["bits_per_byte_micro"] < m["loss_micro"] {
			t.Errorf("order %s: %v", order, m)
		}
	}
	if losses["4"] >= losses["2"] || losses["2"] >= losses["1"] {
		t.Errorf("a longer context does not help: %v", losses)
	}
}

// TestNgramIsExact compares with a case that can be computed by hand: after "aa", a text of one a. C = c = 2 and N = 1,
// so p = (2 + 1/256)/3.
func TestNgramIsExact(t *testing.T) {
	bin := native(t, "ngram")
	out, err := run(t, bin, join(`{"op":"train","params":{"order":"1"}}`, []byte(line("aa", "x=a"))))
	if err != nil {
		t.Fatal(err)
	}
	_, weights := split(t, out)
	out, err = run(t, bin, join(fmt.Sprintf(`{"op":"eval","weights_bytes":%d}`, len(weights)), weights, []byte(line("a", "x=a"))))
	if err != nil {
		t.Fatal(err)
	}
	// -ln((2 + 1/256)/3) = 0.403513..., 1/p = 1.497076..., -log2 p = 0.582147...
	if r, _ := split(t, out); r.Metrics["loss_micro"] != 403513 || r.Metrics["perplexity_micro"] != 1497076 || r.Metrics["bits_per_byte_micro"] != 582147 {
		t.Errorf("%v", r.Metrics)
	}
}
