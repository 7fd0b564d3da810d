package model_test

import (
	"fmt"

	"github.com/mythos-project/mythos/model"
	"github.com/mythos-project/mythos/object"
)

// A recipe says how a model is trained; its id covers all of it.
func Example() {
	names := model.Names{Hash: func(kind, name string) (object.Hash, error) { return object.SumText(kind + ":" + name), nil }}
	r, err := model.ParseRecipe([]byte("code: linear\nlabel: test\nparams: {bits: 10}\n"), names)
	if err != nil {
		fmt.Println(err)
		return
	}
	id, _, err := model.NewRecipe(r)
	same, _, _ := model.NewRecipe(r)
	fmt.Println(r.BaseModel == model.FromScratch, r.Hyperparams["bits"], id == same, err)
	// Output:
	// true 10 true <nil>
}
