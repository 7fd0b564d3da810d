package registry_test

import (
	"context"
	"fmt"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/model/registry"
	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/store"
	"github.com/mythos-project/mythos/store/memory"
)

// An object is accepted only as its own kind.
func Example() {
	db := memory.New()
	s := store.New(db, db)
	r := registry.Registry{KV: db, Store: s, Responses: s, Pins: s, Now: func() object.Time { return 1 }}
	id, raw, err := model.NewRecipe(model.RecipeDef{BaseModel: model.FromScratch, TrainCodeHash: object.SumText("linear")})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, kind := range []string{"RecipeDef", "ModelRef"} {
		got, err := r.Add(context.Background(), kind, raw)
		fmt.Println(kind, got == id, err != nil)
	}
	// Output:
	// RecipeDef true false
	// ModelRef false true
}
