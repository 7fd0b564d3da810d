package streamable_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/mythos-project/mythos/exec"
	"github.com/mythos-project/mythos/exec/httptool"
	"github.com/mythos-project/mythos/exec/mcptool/streamable"
)

// A stream that ends early is resumed after the last event read.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		if r.Method == http.MethodPost {
			fmt.Fprint(w, "retry: 1\nid: 1\ndata: {\"n\":1}\n\n")
			return
		}
		fmt.Fprintf(w, "id: 2\ndata: {\"after\":%s,\ndata: \"n\":2}\n\n", r.Header.Get("Last-Event-ID"))
	}))
	defer server.Close()
	web := httptool.New(nil, nil)
	defer web.Close()
	client, err := web.Client(exec.Call{Module: exec.ModuleRef{URL: server.URL}})
	if err != nil {
		fmt.Println(err)
		return
	}
	e := streamable.Endpoint{URL: server.URL}
	n := 0
	err = e.Send(context.Background(), client, streamable.Message{Body: []byte("{}")}, 1<<20, func(text []byte) bool {
		n++
		fmt.Printf("%s", text)
		return n == 2
	})
	fmt.Println(err)
	// Output:
	// {"n":1}
	// {"after":1,
	// "n":2}
	// <nil>
}
