package natural_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/natural"
)

func ExampleKey() {
	key, _ := natural.Key("/order/id", []byte(`{"order":{"id":"A-7"},"amount":5}`))
	fmt.Println(key)
	_, err := natural.Key("/order/id", []byte(`{"order":{}}`))
	fmt.Println(err)
	// Output:
	// /"A-7"
	// the request does not fit the tool: its key is at /order/id, which is missing
}

// TestKey: only a plain text or integer is a key, and two different values have two keys.
func TestKey(t *testing.T) {
	seen := map[string]string{}
	for request, is := range map[string]bool{
		`{"id":"7"}`: true, `{"id":7}`: true, `{"id":-7}`: true, `{"id":0}`: true, `{"id":"x/y"}`: true, `{"id":9007199254740993}`: true,
		`{"id":7.0}`: false, `{"id":1e3}`: false, `{"id":-0}`: false, `{"id":true}`: false, `{"id":null}`: false, `{"id":""}`: false, `{"id":{}}`: false, `{"id":[]}`: false,
		`{}`: false, `[]`: false, `no JSON`: false, `{"id":1,"id":1}`: false, `{"id":"` + strings.Repeat("x", 1023) + `"}`: false,
	} {
		key, err := natural.Key("/id", []byte(request))
		if (err == nil) != is || err != nil && !errors.Is(err, exec.ErrRequest) {
			t.Errorf("%s: %q, %v", request, key, err)
		}
		if other, twice := seen[key]; err == nil && twice {
			t.Errorf("%s and %s have one key", request, other)
		}
		seen[key] = request
	}
	same, err := natural.Key("/id", []byte(`{"other":1, "id":"\u0041"}`))
	if err != nil || same != `/"A"` {
		t.Errorf("%q, %v", same, err)
	}
	for _, pointer := range []string{"", "id", "/a~2"} {
		if natural.Check(pointer) == nil {
			t.Errorf("%q is taken", pointer)
		}
	}
}
