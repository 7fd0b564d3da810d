package cell_test

import (
	"fmt"

	"github.com/mythos-project/mythos/exec/cell"
)

// A cell is named by a text, or by the id of the text.
func ExampleID() {
	id := cell.ID("notes")
	fmt.Println(cell.ID(id.String()) == id)
	// Output: true
}
