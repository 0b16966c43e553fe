package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// source is what a provider's code tells.
type source struct {
	variables  []string
	sequential bool
}

// Names of constants that hold variables, by lego's own custom.
var constantName = regexp.MustCompile(`^(alt)?[eE]nv[A-Z]`)

// readSource parses the files of one package. Its constants are literals and sums of constants, so no type
// checker is needed, nor any of the hundred modules that one would want.
func readSource(directory string) (source, error) {
	var found source
	files, err := filepath.Glob(filepath.Join(directory, "*.go"))
	if err != nil {
		return found, err
	}
	constants := map[string]ast.Expr{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return found, &fs.PathError{Op: "parse", Path: file, Err: err}
		}
		for _, declaration := range parsed.Decls {
			switch declaration := declaration.(type) {
			case *ast.FuncDecl:
				if declaration.Recv != nil && declaration.Name.Name == "Sequential" {
					found.sequential = true
				}
			case *ast.GenDecl:
				if declaration.Tok == token.CONST {
					collect(declaration, constants)
				}
			}
		}
	}
	for name, value := range constants {
		key, known := fold(value, constants)
		// what ends with `_` is the beginning that the others share
		if known && constantName.MatchString(name) && isVariable(key) && !strings.HasSuffix(key, "_") {
			found.variables = append(found.variables, key)
		}
	}
	sort.Strings(found.variables)
	return found, nil
}

func collect(declaration *ast.GenDecl, into map[string]ast.Expr) {
	for _, spec := range declaration.Specs {
		values, is := spec.(*ast.ValueSpec)
		if !is {
			continue
		}
		for i, name := range values.Names {
			if i < len(values.Values) {
				into[name.Name] = values.Values[i]
			}
		}
	}
}

func fold(value ast.Expr, constants map[string]ast.Expr) (string, bool) {
	switch value := value.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(value.Value)
		return text, err == nil && value.Kind == token.STRING
	case *ast.Ident:
		named, known := constants[value.Name]
		if !known {
			return "", false
		}
		return fold(named, constants)
	case *ast.BinaryExpr:
		left, leftKnown := fold(value.X, constants)
		right, rightKnown := fold(value.Y, constants)
		return left + right, leftKnown && rightKnown && value.Op == token.ADD
	}
	return "", false
}
