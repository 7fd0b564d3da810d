package postgres_test

import (
	"fmt"

	"github.com/mythos-project/mythos/store/postgres"
)

func ExampleCheckAddress() {
	fmt.Println(postgres.CheckAddress("postgres://one,two/mythos?sslmode=verify-full"))
	fmt.Println(postgres.CheckAddress("postgres://bob:secret@one/mythos"))
	// Output:
	// <nil>
	// address of a PostgreSQL database: it has a password in it; set PGPASSWORD, or name a file with passfile= or a service with service=
}
