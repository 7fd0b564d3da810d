package cmdutil

import "github.com/mythos-project/mythos/internal/ui"

// pageRows bounds how many rows are held for alignment, because a list can be long.
const pageRows = 4096

// Pages is a table that is printed a page at a time.
type Pages struct {
	io     *ui.Streams
	header []string
	rows   [][]ui.Cell
}

// Pages starts a table. Flush ends it.
func (f *Factory) Pages(header ...string) *Pages { return &Pages{io: f.IO, header: header} }

// Add appends a row.
func (p *Pages) Add(row ...ui.Cell) {
	if p.rows = append(p.rows, row); len(p.rows) == pageRows {
		p.Flush()
	}
}

// Flush prints the rows that were added since the last page.
func (p *Pages) Flush() {
	if len(p.rows) > 0 {
		p.io.Table(p.header, p.rows)
		p.rows = nil
	}
}
