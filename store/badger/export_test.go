package badger

// CopySparse is for tests.
var CopySparse = copySparse
