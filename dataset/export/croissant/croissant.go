// Package croissant describes datasets in Croissant 1.0, the JSON-LD vocabulary from which catalogs and loaders learn
// the content of a dataset: its files with their hashes, and the columns of its rows (spec/datasets.md#croissant).
package croissant

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// Version identifies the version of the vocabulary in a description.
const Version = "http://mlcommons.org/croissant/1.0"

// Dataset is the content of a description.
type Dataset struct {
	Name        string
	Description string
	Cite        string
	Creator     string // empty: unknown, and left out
	Published   string // a date or a time in RFC 3339; empty: unknown
	Encoding    string // media type of the files
	Files       []File
	Folder      string   // of files that rows refer to; empty: there are none
	Splits      []string // in the order of the files
	Columns     []Column
}

// File is one file of a dataset. It belongs to the split with which its name begins.
type File struct {
	Name   string
	Split  string
	Bytes  int64
	SHA256 string // hex
}

// Column is a column of the rows, or a member of one.
type Column struct {
	Name    string
	Type    string // of schema.org, such as sc:Text; empty: it has Members
	List    bool
	Absent  bool // a row may lack it
	Members []Column
}

// The ids of what is described.
const (
	rowFiles  = "files"
	rowSet    = "rows"
	attached  = "attachments"
	splitSet  = "splits"
	splitName = "splits/name"
)

// kinds are the splits in the vocabulary.
var kinds = map[string]string{"train": "cr:TrainingSplit", "training": "cr:TrainingSplit", "test": "cr:TestSplit", "validation": "cr:ValidationSplit", "valid": "cr:ValidationSplit", "val": "cr:ValidationSplit", "dev": "cr:ValidationSplit"}

type (
	object = map[string]any
	list   = []any
)

// JSON is the description. It depends only on the dataset.
func (d Dataset) JSON() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	o := object{"@context": context(), "@type": "sc:Dataset", "conformsTo": Version, "name": d.Name, "description": d.Description, "citeAs": d.Cite,
		"version": "1.0.0", "distribution": d.distribution(), "recordSet": list{d.splits(), d.rows()}}
	if d.Creator != "" {
		o["creator"] = object{"@type": "sc:Organization", "name": d.Creator}
	}
	if d.Published != "" {
		o["datePublished"] = d.Published
	}
	err := enc.Encode(o)
	return out.Bytes(), err
}

// context is the one that Croissant 1.0 recommends; readers warn about any other.
func context() object {
	c := object{"@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/", "cr": "http://mlcommons.org/croissant/",
		"rai": "http://mlcommons.org/croissant/RAI/", "dct": "http://purl.org/dc/terms/", "conformsTo": "dct:conformsTo",
		"data": object{"@id": "cr:data", "@type": "@json"}, "dataType": object{"@id": "cr:dataType", "@type": "@vocab"}, "examples": object{"@id": "cr:examples", "@type": "@json"}}
	for _, name := range strings.Fields("citeAs column equivalentProperty extract field fileProperty fileObject fileSet format includes isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace samplingRate separator source subField transform") {
		c[name] = "cr:" + name
	}
	return c
}

func ref(id string) object { return object{"@id": id} }

// distribution lists each file with its hash, the set of files with the rows, and the set of those that rows refer to.
func (d Dataset) distribution() list {
	var files, names list
	for _, f := range d.Files {
		files = append(files, object{"@type": "cr:FileObject", "@id": f.Name, "name": f.Name, "contentUrl": f.Name, "contentSize": fmt.Sprintf("%d B", f.Bytes), "encodingFormat": d.Encoding, "sha256": f.SHA256})
		names = append(names, f.Name)
	}
	files = append(files, object{"@type": "cr:FileSet", "@id": rowFiles, "name": rowFiles, "encodingFormat": d.Encoding, "includes": names})
	if d.Folder != "" {
		files = append(files, object{"@type": "cr:FileSet", "@id": attached, "name": attached, "encodingFormat": "application/octet-stream", "includes": d.Folder + "/**"})
	}
	return files
}

func (d Dataset) splits() object {
	var data list
	for _, s := range d.Splits {
		row := object{splitName: s}
		if kind := kinds[s]; kind != "" {
			row["splits/url"] = kind
		}
		data = append(data, row)
	}
	field := func(id, kind string) object {
		return object{"@type": "cr:Field", "@id": id, "name": id[strings.Index(id, "/")+1:], "dataType": kind}
	}
	set := object{"@type": "cr:RecordSet", "@id": splitSet, "name": splitSet, "dataType": "cr:Split", "key": ref(splitName), "field": list{field(splitName, "sc:Text")}, "data": data}
	for _, row := range data {
		if row.(object)["splits/url"] == nil {
			return set
		}
	}
	set["field"] = append(set["field"].(list), field("splits/url", "sc:URL"))
	return set
}

func (d Dataset) rows() object {
	escaped := make([]string, len(d.Splits))
	for i, s := range d.Splits {
		escaped[i] = regexp.QuoteMeta(s)
	}
	fields := list{object{"@type": "cr:Field", "@id": rowSet + "/split", "name": "split", "dataType": "sc:Text", "references": object{"field": ref(splitName)},
		"source": object{"fileSet": ref(rowFiles), "extract": object{"fileProperty": "filename"}, "transform": object{"regex": "^(" + strings.Join(escaped, "|") + ")(?:-[0-9]{5}-of-.*)?$"}}}}
	for _, c := range d.Columns {
		fields = append(fields, c.field(rowSet, c.Name, nil))
	}
	return object{"@type": "cr:RecordSet", "@id": rowSet, "name": rowSet, "field": fields}
}

// field describes a column; path leads to a member inside it.
func (c Column) field(parent, column string, path []string) object {
	f := object{"@type": "cr:Field", "@id": parent + "/" + c.Name, "name": c.Name}
	if c.List {
		f["repeated"] = true
	}
	if c.Type != "" {
		f["dataType"] = c.Type
		source := object{"fileSet": ref(rowFiles), "extract": object{"column": column}}
		if len(path) > 0 {
			source["transform"] = object{"jsonPath": strings.Join(path, ".")}
		}
		f["source"] = source
		return f
	}
	var members list
	for _, m := range c.Members {
		members = append(members, m.field(parent+"/"+c.Name, column, append(path[:len(path):len(path)], m.Name)))
	}
	f["subField"] = members
	return f
}

// Columns are the columns of a table whose rows are a struct with tags for Parquet.
func Columns(row reflect.Type) (columns []Column) {
	for i := range row.NumField() {
		name, options, _ := strings.Cut(row.Field(i).Tag.Get("parquet"), ",")
		t := row.Field(i).Type
		c := Column{Name: name, Absent: strings.Contains(options, "optional")}
		if t.Kind() == reflect.Slice {
			c.List, t = true, t.Elem()
		}
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch t.Kind() {
		case reflect.Struct:
			c.Members = Columns(t)
		case reflect.Bool:
			c.Type = "sc:Boolean"
		case reflect.Int32, reflect.Int64:
			if c.Type = "sc:Integer"; strings.Contains(options, "timestamp") {
				c.Type = "sc:DateTime"
			}
		default:
			c.Type = "sc:Text"
		}
		columns = append(columns, c)
	}
	return columns
}
