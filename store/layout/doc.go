// Package layout defines what puts and collections agree on: the places of small byte strings in packs ([Spot]), and
// the marks that keep concurrent collections and puts, of any process, from taking data that the other needs ([Guard]).
package layout
