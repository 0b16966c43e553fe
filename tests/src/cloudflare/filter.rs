//! Query parameters: filters and pages, each known and well-formed.

use hyper::Uri;

use super::answer::Refusal;
use super::record::Record;

/// Which page, of what size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pages {
    pub page: usize,
    pub per_page: usize,
    least: usize,
    most: usize,
}

impl Pages {
    pub(super) fn of_zones() -> Self {
        Self {
            page: 1,
            per_page: 20,
            least: 5,
            most: 50,
        }
    }

    /// `most` is what the double gives at most.
    pub(super) fn of_records(most: usize) -> Self {
        Self {
            page: 1,
            per_page: 100.min(most),
            least: 1,
            most,
        }
    }

    /// Takes `page` and `per_page`, and refuses what else is unknown.
    pub(super) fn read(&mut self, key: &str, value: &str) -> Result<(), Refusal> {
        let number = || {
            let number = value.parse::<usize>().ok().filter(|number| *number > 0);
            number.ok_or_else(|| Refusal::schema(format!("{key}: `{value}` is not a number over 0")))
        };
        match key {
            "page" => self.page = number()?,
            "per_page" => {
                self.per_page = number()?;
                if self.per_page < self.least {
                    return Err(Refusal::schema(format!(
                        "per_page must be {} or more",
                        self.least
                    )));
                }
                self.per_page = self.per_page.min(self.most);
            }
            _ => return Err(Refusal::schema(format!("unknown query parameter {key}={value}"))),
        }
        Ok(())
    }
}

/// The parameters of a query, decoded.
pub(super) fn pairs(query: Option<&str>) -> Result<Vec<(String, String)>, Refusal> {
    let uri: Uri = format!("/?{}", query.unwrap_or_default())
        .parse()
        .map_err(|_| Refusal::schema("the query is malformed"))?;
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri);
    Ok(pairs.map_err(|_| Refusal::schema("the query is malformed"))?.0)
}

/// A condition on one property.
#[derive(Clone, Debug)]
struct Condition {
    property: Property,
    how: How,
    wanted: String,
}

#[derive(Clone, Copy, Debug)]
enum Property {
    Name,
    Content,
    Comment,
    Kind,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Exact,
    Contains,
    Starts,
    Ends,
}

/// The filters of a list of records.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    conditions: Vec<Condition>,
    any: bool,
}

impl Filter {
    /// Takes a parameter if it is a filter.
    ///
    /// # Errors
    /// It is one, but malformed.
    pub(super) fn read(&mut self, key: &str, value: &str) -> Result<bool, Refusal> {
        match (key, value) {
            ("match", "all") => self.any = false,
            ("match", "any") => self.any = true,
            ("order", "type" | "name" | "content" | "ttl" | "proxied") => {}
            ("direction", "asc" | "desc") => {}
            ("match" | "order" | "direction", _) => {
                return Err(Refusal::schema(format!("{key}={value} is not one of its values")));
            }
            _ => {
                let (property, how) = key.split_once('.').unwrap_or((key, "exact"));
                let property = match property {
                    "name" => Property::Name,
                    "content" => Property::Content,
                    "comment" => Property::Comment,
                    "type" if !key.contains('.') => Property::Kind,
                    _ => return Ok(false),
                };
                let how = match how {
                    "exact" => How::Exact,
                    "contains" => How::Contains,
                    "startswith" => How::Starts,
                    "endswith" => How::Ends,
                    _ => return Ok(false),
                };
                // filters are case-insensitive
                let wanted = value.to_lowercase();
                self.conditions.push(Condition {
                    property,
                    how,
                    wanted,
                });
            }
        }
        Ok(true)
    }

    pub(super) fn takes(&self, record: &Record) -> bool {
        let mut met = self.conditions.iter().map(|condition| condition.is_met(record));
        if self.any && !self.conditions.is_empty() {
            met.any(|met| met)
        } else {
            met.all(|met| met)
        }
    }
}

impl Condition {
    fn is_met(&self, record: &Record) -> bool {
        let text = match self.property {
            Property::Name => &record.name,
            Property::Content => &record.content,
            Property::Kind => &record.kind,
            Property::Comment => record.comment.as_ref().unwrap_or(&record.content),
        };
        if matches!(self.property, Property::Comment) && record.comment.is_none() {
            return false;
        }
        let (text, wanted) = (text.to_lowercase(), self.wanted.as_str());
        match self.how {
            How::Exact => text == wanted,
            How::Contains => text.contains(wanted),
            How::Starts => text.starts_with(wanted),
            How::Ends => text.ends_with(wanted),
        }
    }
}
