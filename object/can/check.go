package can

import (
	"fmt"
	"reflect"
)

// Check runs the rules of every [Checker] in the value that v points to, innermost
// first, as Unmarshal does for what it reads. Errors wrap [ErrInvalid] and name
// the path of the value at fault.
func Check(v any) error {
	rv := reflect.ValueOf(v)
	return TypeOf(rv.Type().Elem()).checkAll(rv.Elem(), "")
}

func (t *Type) checkAll(v reflect.Value, path string) error {
	switch {
	case !t.rules:
		return nil
	case t.Kind == KindStruct:
		for i := range t.Fields {
			if err := t.Fields[i].checkAll(v, path); err != nil {
				return err
			}
		}
	case t.Kind == KindList:
		for i := range v.Len() {
			if err := t.Elem.checkAll(v.Index(i), fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case t.Kind == KindMap:
		for it := v.MapRange(); it.Next(); {
			elem := reflect.New(t.Elem.Go).Elem()
			elem.Set(it.Value())
			if err := t.Elem.checkAll(elem, fmt.Sprintf("%s[%v]", path, it.Key())); err != nil {
				return err
			}
		}
	}
	if !t.checked {
		return nil
	}
	switch err := t.check(v.Addr().UnsafePointer()); {
	case err == nil:
		return nil
	case path == "":
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	default:
		return fmt.Errorf("%w: %s: %w", ErrInvalid, path, err)
	}
}

func (f *StructField) checkAll(v reflect.Value, path string) error {
	if !f.Type.rules {
		return nil
	}
	fv := f.Value(v)
	if f.pointer {
		if fv.IsNil() {
			return nil
		}
		fv = fv.Elem()
	}
	if path != "" {
		path += "."
	}
	return f.Type.checkAll(fv, path+f.Name)
}
