package bucket

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// place is what an address means.
type place struct {
	bucket, prefix string // prefix: empty, or with a / at its end
	endpoint       string // host and port
	secure         bool
	region         string
	lookup         minio.BucketLookupType
}

// CheckAddress refuses a malformed address of a bucket, and one that contains an access key. No error shows the
// address.
func CheckAddress(address string) error {
	_, err := parse(address)
	return err
}

func parse(address string) (p place, err error) {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok || scheme != "s3" {
		return p, fmt.Errorf("%w: it begins with s3:// (other object stores are reached by their S3 interface, with endpoint=)", ErrAddress)
	}
	path, query, _ := strings.Cut(rest, "?")
	if strings.ContainsAny(path, "@#") {
		return p, fmt.Errorf("%w: it is s3://BUCKET/PREFIX; keys of access come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from ~/.aws", ErrAddress)
	}
	p.bucket, p.prefix, _ = strings.Cut(path, "/")
	if p.prefix = strings.Trim(p.prefix, "/"); p.prefix != "" {
		p.prefix += "/"
	}
	if len(p.bucket) < 3 || strings.Trim(p.bucket, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" {
		return p, fmt.Errorf("%w: a bucket's name has three or more of a-z, 0-9, . and -", ErrAddress)
	}
	p.endpoint, p.secure = "s3.amazonaws.com", true
	values, err := url.ParseQuery(query)
	if err != nil {
		return p, fmt.Errorf("%w: what follows the ? is not a list of parameters", ErrAddress)
	}
	for name, list := range values {
		if len(list) != 1 {
			return p, fmt.Errorf("%w: it has %s= more than once", ErrAddress, name)
		}
		if err := p.set(name, list[0]); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *place) set(name, value string) error {
	switch name {
	case "region":
		p.region = value
	case "endpoint":
		u, err := url.Parse(value)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			return fmt.Errorf("%w: endpoint= is http://HOST:PORT or https://HOST", ErrAddress)
		}
		p.endpoint, p.secure = u.Host, u.Scheme == "https"
	case "path_style":
		switch value {
		case "true":
			p.lookup = minio.BucketLookupPath
		case "false":
			p.lookup = minio.BucketLookupDNS
		default:
			return fmt.Errorf("%w: path_style= is true or false", ErrAddress)
		}
	default:
		return fmt.Errorf("%w: there are region=, endpoint= and path_style=, and it has another parameter; keys of access come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from ~/.aws", ErrAddress)
	}
	return nil
}

// tries is how often a request without an answer is sent.
const tries = 4

func (p place) client() (*minio.Client, error) {
	c, err := minio.New(p.endpoint, &minio.Options{
		Creds: credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
		}),
		Secure: p.secure, Region: p.region, BucketLookup: p.lookup, MaxRetries: tries,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: the endpoint is not understood", ErrAddress)
	}
	return c, nil
}
