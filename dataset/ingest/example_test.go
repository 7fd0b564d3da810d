package ingest_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/dataset/ingest"
	"github.com/mythos-project/mythos/object/sign"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

// A chat becomes an episode; reading it again gives the same one.
func Example() {
	form, err := ingest.Form("chat")
	if err != nil {
		fmt.Println(err)
		return
	}
	db := memory.New()
	im := ingest.Importer{Store: store.New(db, db), Signer: sign.FromSeed([32]byte{1}, "alice"), Time: 1}
	const chat = `{"messages":[{"role":"user","content":"2+2?"},{"role":"assistant","content":"4"}]}` + "\n"
	first, err := im.Import(context.Background(), form, strings.NewReader(chat))
	if err != nil {
		fmt.Println(err)
		return
	}
	second, err := im.Import(context.Background(), form, strings.NewReader(chat))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(first.Episodes), len(second.Episodes), first.Episodes[0] == second.Episodes[0])
	// Output:
	// 1 1 true
}
