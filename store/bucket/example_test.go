package bucket_test

import (
	"fmt"

	"github.com/mythos-project/mythos/store/bucket"
)

func ExampleCheckAddress() {
	fmt.Println(bucket.CheckAddress("s3://artifacts/mythos?region=eu-central-1"))
	fmt.Println(bucket.CheckAddress("s3://id:secret@artifacts"))
	// Output:
	// <nil>
	// address of a bucket: it is s3://BUCKET/PREFIX; keys of access come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from ~/.aws
}
