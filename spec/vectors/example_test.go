package vectors_test

import (
	"encoding/json"
	"fmt"

	"github.com/mythos-project/mythos/object"
	"github.com/mythos-project/mythos/spec/vectors"
)

// Another implementation reads a class of vectors and compares what it computes with the expected values.
func Example() {
	data, err := vectors.FS.ReadFile("ids.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	var class struct {
		Vectors []struct {
			ID  string         `json:"id"`
			In  map[string]any `json:"in"`
			Out struct {
				ID object.Hash `json:"id"`
			} `json:"out"`
		} `json:"vectors"`
	}
	if err := json.Unmarshal(data, &class); err != nil {
		fmt.Println(err)
		return
	}
	for _, v := range class.Vectors {
		if text, ok := v.In["text"].(string); ok && v.ID == "opaque tool" {
			fmt.Println(v.ID, object.SumText(text) == v.Out.ID)
		}
	}
	// Output:
	// opaque tool true
}
