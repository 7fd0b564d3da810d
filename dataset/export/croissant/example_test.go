package croissant_test

import (
	"encoding/json"
	"fmt"

	"github.com/mythos-project/mythos/dataset/export/croissant"
)

// A description lists each file with its hash, and the set of all of them.
func Example() {
	d := croissant.Dataset{Name: "pairs", Encoding: "application/jsonlines", Splits: []string{"train"},
		Files: []croissant.File{{Name: "train-00000-of-00001.jsonl", Split: "train", Bytes: 7, SHA256: "ab12"}}, Columns: []croissant.Column{{Name: "text", Type: "sc:Text"}}}
	text, err := d.JSON()
	if err != nil {
		fmt.Println(err)
		return
	}
	var read struct {
		ConformsTo   string `json:"conformsTo"`
		Distribution []struct {
			ID     string `json:"@id"`
			SHA256 string `json:"sha256"`
		} `json:"distribution"`
	}
	if err := json.Unmarshal(text, &read); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(read.ConformsTo)
	for _, f := range read.Distribution {
		fmt.Println(f.ID, f.SHA256)
	}
	// Output:
	// http://mlcommons.org/croissant/1.0
	// train-00000-of-00001.jsonl ab12
	// files
}
