// Package layout is what those who put and those who collect agree on: where small byte
// strings lie in packs ([Spot]), and the marks by which a collection and a put that run at the
// same time, in any process, do not take from one another what they need ([Guard]).
package layout
