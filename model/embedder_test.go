package model

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
)

func TestEmbedderRequest(t *testing.T) {
	name := "m"
	bytesForm := Embedder{Form: EmbedBytes, Dimension: 1, MaxText: 4}
	jsonForm := Embedder{Form: EmbedJSON, Dimension: 1, MaxText: 1000, Model: &name}
	for _, c := range []struct {
		e          Embedder
		text, want string
	}{
		{bytesForm, "", ""},
		{bytesForm, "abcd", "abcd"},
		{bytesForm, "abcde", "abcd"},
		{bytesForm, "abcä", "abc"},
		{bytesForm, "aß€", "aß"},
		{bytesForm, "😀x", "😀"},
		{bytesForm, "a😀", "a"},
		{bytesForm, "ab\xff\xffx", "ab\xff\xff"},
		{bytesForm, "\x80\x80\x80\x80\x80\x80", "\x80"}, // no text: less by three bytes at most
		{jsonForm, "a\"\\\b\t\n\f\r\x01\u2028<ä", `{"input":"a\"\\\b\t\n\f\r\u0001\u2028<ä","model":"m"}`},
		{Embedder{Form: EmbedJSON, MaxText: 1}, "ä", `{"input":""}`},
	} {
		if got, err := c.e.Request(c.text); err != nil || string(got) != c.want {
			t.Errorf("%q: %q, %v", c.text, got, err)
		}
	}
	if _, err := jsonForm.Request("a\xff"); !errors.Is(err, ErrEmbedding) {
		t.Error(err)
	}
}

func TestEmbedderVector(t *testing.T) {
	le := func(parts ...float32) (out string) {
		for _, x := range parts {
			out += string(binary.LittleEndian.AppendUint32(nil, math.Float32bits(x)))
		}
		return out
	}
	inBytes, inJSON := Embedder{Form: EmbedBytes, Dimension: 2}, Embedder{Form: EmbedJSON, Dimension: 2}
	for _, c := range []struct {
		e        Embedder
		response string
		refused  string // empty: it is 1, -0.1
	}{
		{inBytes, le(1, -0.1), ""},
		{inBytes, le(1), "dimension 1, expected was 2"},
		{inBytes, le(1, 2, 3), "dimension 3, expected was 2"},
		{inBytes, le(1, 2) + "x", "9 bytes are not a vector"},
		{inBytes, strings.Repeat("0123", 5000), "20000 bytes are not a vector"},
		{inBytes, le(1, float32(math.NaN())), "part 1 of the vector is NaN"},
		{inBytes, le(float32(math.Inf(-1)), 1), "part 0 of the vector is -Inf"},
		{inJSON, `{"data":[{"embedding":[1,-0.1],"index":0}],"usage":{}}`, ""},
		{inJSON, ` { "data" : [ { "embedding" : [ 1e0 , -1.0e-1 ] } ] } `, ""},
		{inJSON, `{"data":[{"embedding":[1]}]}`, "dimension 1"},
		{inJSON, `{"data":[{"embedding":[1,1e39]}]}`, "number 1: 1e39 has no float32"},
		{inJSON, `{"data":[{"embedding":[1,"2"]}]}`, "number is expected"},
		{inJSON, `{"data":[{"embedding":[1,null]}]}`, "number is expected"},
		{inJSON, `{"data":[{"embedding":[1,0x1]}]}`, "not embedded"},
		{inJSON, `{"data":[{"embedding":[1,2],"embedding":[1,2]}]}`, "twice"},
		{inJSON, `{"data":[],"data":[{"embedding":[1,2]}]}`, "twice"},
		{inJSON, `{"data":[{"embedding":[1,2]},{"embedding":[1,2]}]}`, "2 items"},
		{inJSON, `{"data":[]}`, "0 items"},
		{inJSON, `{"error":{}}`, "data:"},
		{inJSON, `[]`, "object is expected"},
		{inJSON, `{"data":[{"embedding":[` + strings.Repeat("1,", 5000) + `1]}]}`, "5001 numbers"},
		{inJSON, `{"data":[{"embedding":[1,-0.1]}]} x`, "not embedded"},
	} {
		v, err := c.e.Vector([]byte(c.response))
		text := c.response[:min(len(c.response), 60)]
		if c.refused == "" && (err != nil || len(v) != 2 || v[0] != 1 || v[1] != -0.1) {
			t.Errorf("%q: %v, %v", text, v, err)
		}
		if c.refused != "" && (!errors.Is(err, ErrEmbedding) || !strings.Contains(err.Error(), c.refused)) {
			t.Errorf("%q: %v, %v", text, v, err)
		}
	}
}

func FuzzEmbedderVector(f *testing.F) {
	f.Add([]byte(`{"data":[{"embedding":[1,-0.1]}]}`))
	f.Fuzz(func(t *testing.T, response []byte) {
		for _, form := range []uint8{EmbedBytes, EmbedJSON} {
			v, err := Embedder{Form: form, Dimension: 2}.Vector(response)
			if (err == nil) != (len(v) == 2) {
				t.Errorf("%v, %v", v, err)
			}
		}
	})
}
