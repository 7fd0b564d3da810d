package weights

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

func safetensors(header string, body int) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), make([]byte, body)...)
}

func TestCheckSafetensors(t *testing.T) {
	good := map[string][]byte{
		"none":     safetensors(`{}`, 0),
		"one":      safetensors(`{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}  `, 24),
		"two":      safetensors(`{"__metadata__":{"a":"b"},"b":{"dtype":"U8","shape":[],"data_offsets":[4,5]},"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}`, 5),
		"no data":  safetensors(`{"w":{"dtype":"I64","shape":[0,7],"data_offsets":[0,0]}}`, 0),
		"halfbyte": safetensors(`{"w":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}`, 1),
	}
	for name, data := range good {
		if err := CheckSafetensors(data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := map[string][]byte{
		"empty":             {},
		"header too long":   safetensors(`{}`, 0)[:8],
		"huge header":       append(binary.LittleEndian.AppendUint64(nil, 1<<63), '{', '}'),
		"no object":         safetensors(`[]`, 0),
		"not JSON":          safetensors(`{"w"`, 0),
		"something follows": safetensors(`{}{}`, 0),
		"unknown type":      safetensors(`{"w":{"dtype":"F33","shape":[1],"data_offsets":[0,4]}}`, 4),
		"wrong size":        safetensors(`{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4),
		"gap":               safetensors(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 3),
		"overlap":           safetensors(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3),
		"data left":         safetensors(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 2),
		"data missing":      safetensors(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, 1),
		"overflow":          safetensors(`{"a":{"dtype":"U64","shape":[4294967296,4294967296,16],"data_offsets":[0,0]}}`, 0),
		"negative":          safetensors(`{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}`, 0),
		"twice":             safetensors(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1),
		"metadata":          safetensors(`{"__metadata__":{"a":1}}`, 0),
		"bits":              safetensors(`{"w":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}`, 2),
		"many dimensions":   safetensors(`{"w":{"dtype":"U8","shape":[1`+strings.Repeat(",1", 40)+`],"data_offsets":[0,1]}}`, 1),
	}
	for name, data := range bad {
		if err := CheckSafetensors(data); !errors.Is(err, ErrSafetensors) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCheckSafetensors(f *testing.F) {
	f.Add(safetensors(`{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}`, 24))
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := CheckSafetensors(data); err != nil && !errors.Is(err, ErrSafetensors) {
			t.Errorf("%v", err)
		}
	})
}
