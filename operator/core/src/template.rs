//! Go templates, as definitions write them in files and expressions.

use std::collections::BTreeMap;
use std::sync::Arc;

use gotmpl::{MissingKey, Template, Value};

use crate::sprig;

/// Renders `source` with the functions of [`sprig`]. A key that `data` lacks is an error; so is a
/// function that is not known. The error says where in the text.
pub fn render(name: &str, source: &str, data: &BTreeMap<String, String>) -> Result<String, String> {
    if !source.contains("{{") {
        return Ok(source.to_owned());
    }
    let map: BTreeMap<Arc<str>, Value> = data
        .iter()
        .map(|(key, value)| (Arc::from(key.as_str()), Value::from(value.as_str())))
        .collect();
    Template::new(name)
        .missing_key(MissingKey::Error)
        .funcs(sprig::functions())
        .parse(source)
        .and_then(|template| template.execute_to_string(&Value::from(Arc::new(map))))
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_key_that_is_missing_is_an_error_unless_it_is_asked_for_by_index() {
        let port = r#"{{ if index . "HOST_PORT" }}{{ .HOST_PORT }}{{ else }}{{ .PORT }}{{ end }}"#;

        assert_eq!(render("t", port, &with(&[("PORT", "6379")])), Ok("6379".to_owned()));
        assert_eq!(
            render("t", port, &with(&[("PORT", "6379"), ("HOST_PORT", "55000")])),
            Ok("55000".to_owned())
        );
        assert!(render("t", "{{ .PORT }}", &with(&[])).is_err());
    }

    #[test]
    fn an_absent_value_equals_no_text() {
        let scheme = r#"{{if eq (index . "TLS") "true"}}https{{else}}http{{end}}"#;

        assert_eq!(render("t", scheme, &with(&[])), Ok("http".to_owned()));
        assert_eq!(render("t", scheme, &with(&[("TLS", "true")])), Ok("https".to_owned()));
    }

    #[test]
    fn memory_is_shared_out_by_arithmetic_on_texts() {
        let source = r#"{{- $memory := default 0 $.MEMORY | int }}
{{- if gt $memory 0 }}
maxmemory {{ mulf $memory 0.8 | int }}
{{- end -}}
{{ block "logs" . }}
loglevel notice
{{ end }}"#;

        assert_eq!(
            render("t", source, &with(&[("MEMORY", "1073741824")])),
            Ok("\nmaxmemory 858993459\nloglevel notice\n".to_owned())
        );
    }

    #[test]
    fn members_are_listed_from_a_comma_list_of_names() {
        let source = r#"{{- $fqdns := splitList "," .FQDNS }}
{{- range $i, $fqdn := $fqdns }}
  {{- $name := index (splitList "." $fqdn) 0 }}
  {{- $tokens := splitList "-" $name }}
  {{- $ordinal := index $tokens (sub (len $tokens) 1) }}
  {{- printf "server.%s=%s\n" $ordinal $fqdn }}
{{- end }}"#;

        assert_eq!(
            render("t", source, &with(&[("FQDNS", "a-0.h,a-1.h")])),
            Ok("server.0=a-0.h\nserver.1=a-1.h\n".to_owned())
        );
    }

    #[test]
    fn an_unknown_function_is_named() {
        let error = render("t", "{{ getenv \"HOME\" }}", &with(&[])).unwrap_err();

        assert!(error.contains("getenv"), "{error}");
    }
}
