package socket_test

import (
	"context"
	"fmt"
	"os"

	"github.com/mythos-project/mythos/store/memory"
	"github.com/mythos-project/mythos/store/socket"
)

// While one DB listens, every other DB of the same folder uses its database.
func Example() {
	dir, err := os.MkdirTemp("", "served-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	serving := socket.Open(dir, memory.New(), socket.Options{})
	defer serving.Close()
	server, err := serving.Listen()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	ctx := context.Background()
	if _, err := serving.Update(ctx, nil, map[string][]byte{"greeting": []byte("hello")}); err != nil {
		fmt.Println(err)
		return
	}
	other := socket.Open(dir, memory.New(), socket.Options{}) // usually in another process
	defer other.Close()
	value, found, err := other.Get(ctx, "greeting")
	fmt.Println(string(value), found, err)
	// Output:
	// hello true <nil>
}
