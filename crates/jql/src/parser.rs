//! From tokens to the syntax tree: a recursive descent along the grammar of jira-facts section 8.1.
//!
//! Every function is one rule of that grammar, and is called with the parser at the rule's first token.

use crate::ast::{
    Clause, CompareOp, Direction, Field, FieldName, Function, HistoryOp, HistoryPredicate, Operand,
    Predicate, Property, Query, Sort, Term, Value,
};
use crate::error::ParseError;
use crate::lexer::{Token, TokenKind, tokens};

/// How deep parentheses, `NOT` and lists may be nested in one another, all counted together.
pub const MAX_DEPTH: usize = 200;

/// Reads a query.
///
/// An empty text is a query: it finds everything. The work grows with the length of the text, which is not
/// limited here; the depth of the tree is, by [`MAX_DEPTH`].
///
/// # Errors
///
/// When the text does not follow the grammar of JQL, with the sentence and the place Jira answers with
/// (jira-facts section 8.6).
pub fn parse(text: &str) -> Result<Query, ParseError> {
    let (tokens, end) = tokens(text)?;
    Parser { rest: &tokens, end: &end, depth: 0 }.query()
}

struct Parser<'a> {
    rest: &'a [Token],
    /// What comes when nothing is left, however often it is asked for.
    end: &'a Token,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> &'a Token {
        self.rest.first().unwrap_or(self.end)
    }

    fn advance(&mut self) -> &'a Token {
        let token = self.peek();
        self.rest = self.rest.get(1..).unwrap_or_default();
        token
    }

    /// Passes over the next token if it is of this kind.
    fn eat(&mut self, kind: TokenKind) -> bool {
        let is_next = self.peek().kind == kind;
        if is_next {
            self.advance();
        }
        is_next
    }

    /// Passes over the next token, which has to be of this kind.
    fn expect(&mut self, kind: TokenKind, text: &str) -> Result<(), ParseError> {
        if self.eat(kind) { Ok(()) } else { Err(ParseError::expecting_text(text, self.peek())) }
    }

    /// Passes over the next token and reads what is nested behind it.
    fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        let opening = self.advance();
        if self.depth == MAX_DEPTH {
            return Err(ParseError::too_deep(MAX_DEPTH, opening));
        }
        self.depth += 1;
        let read = rule(self);
        self.depth -= 1;
        read
    }

    fn query(&mut self) -> Result<Query, ParseError> {
        let filter = match self.peek().kind {
            TokenKind::End | TokenKind::Order => None,
            _ => Some(self.or_clause()?),
        };
        match self.peek().kind {
            TokenKind::End => Ok(Query { filter, order_by: Vec::new() }),
            TokenKind::Order => Ok(Query { filter, order_by: self.order_by()? }),
            _ => Err(ParseError::expecting_logical_operator(self.peek())),
        }
    }

    fn or_clause(&mut self) -> Result<Clause, ParseError> {
        let mut clause = self.and_clause()?;
        while self.eat(TokenKind::Or) {
            clause = clause.or(self.and_clause()?);
        }
        Ok(clause)
    }

    fn and_clause(&mut self) -> Result<Clause, ParseError> {
        let mut clause = self.not_clause()?;
        while self.eat(TokenKind::And) {
            clause = clause.and(self.not_clause()?);
        }
        Ok(clause)
    }

    fn not_clause(&mut self) -> Result<Clause, ParseError> {
        match self.peek().kind {
            TokenKind::Not | TokenKind::Bang => {
                let clause = self.nested(Self::not_clause)?;
                Ok(Clause::Not(Box::new(clause)))
            }
            TokenKind::LeftParenthesis => {
                let clause = self.nested(Self::or_clause)?;
                self.expect(TokenKind::RightParenthesis, ")")?;
                Ok(clause)
            }
            _ => self.term(),
        }
    }

    fn term(&mut self) -> Result<Clause, ParseError> {
        let field = self.field()?;
        let predicate = self.predicate(&field)?;
        Ok(Clause::Term(Term { field, predicate }))
    }

    fn field(&mut self) -> Result<Field, ParseError> {
        let token = self.peek();
        let position = Some(token.position);
        let name = match token.kind {
            TokenKind::Number => {
                self.advance();
                return Ok(Field { name: FieldName::Id(number(token)?), properties: Vec::new(), position });
            }
            TokenKind::String => {
                self.advance();
                FieldName::Name(token.text.clone())
            }
            TokenKind::CustomField => {
                self.advance();
                FieldName::CustomId(self.custom_field_id()?)
            }
            _ => return Err(ParseError::expecting_field(token)),
        };
        let mut properties = Vec::new();
        while self.eat(TokenKind::LeftBracket) {
            properties.push(self.property()?);
        }
        Ok(Field { name, properties, position })
    }

    /// The `[10021]` behind `cf`.
    fn custom_field_id(&mut self) -> Result<i64, ParseError> {
        self.expect(TokenKind::LeftBracket, "[")?;
        let token = self.peek();
        if token.kind != TokenKind::Number || token.text.starts_with('-') {
            return Err(ParseError::expecting_custom_field_id(token));
        }
        self.advance();
        let id = number(token)?;
        self.expect(TokenKind::RightBracket, "]")?;
        Ok(id)
    }

    /// The rest of `[key].path`, behind the opening bracket. The grammar allows spaces within the path, so it
    /// may come in several tokens.
    fn property(&mut self) -> Result<Property, ParseError> {
        let key = self.string_or_number().ok_or_else(|| ParseError::expecting_property_id(self.peek()))?;
        self.expect(TokenKind::RightBracket, "]")?;
        let mut path = String::new();
        while let Some(part) = self.string_or_number() {
            path.push_str(&part);
        }
        let names = path.split('.').filter(|name| !name.is_empty());
        Ok(Property { key, path: names.map(str::to_owned).collect() })
    }

    /// A token where a number means no more than its letters.
    fn string_or_number(&mut self) -> Option<String> {
        let token = self.peek();
        matches!(token.kind, TokenKind::String | TokenKind::Number).then(|| {
            self.advance();
            token.text.clone()
        })
    }

    /// `field` is named in the errors only.
    fn predicate(&mut self, field: &Field) -> Result<Predicate, ParseError> {
        let token = self.peek();
        if let Some(op) = compare_op(token.kind) {
            self.advance();
            return self.compare(op, field);
        }
        match token.kind {
            TokenKind::In => {
                self.advance();
                Ok(Predicate::In { negated: false, operand: self.list_or_function("in", field)? })
            }
            TokenKind::Not => {
                self.advance();
                self.expect(TokenKind::In, "IN")?;
                Ok(Predicate::In { negated: true, operand: self.list_or_function("not in", field)? })
            }
            TokenKind::Is => {
                self.advance();
                self.is()
            }
            TokenKind::Was => {
                self.advance();
                self.was(field)
            }
            TokenKind::Changed => {
                self.advance();
                Ok(Predicate::Changed { predicates: self.history_predicates(|_| true)? })
            }
            _ => Err(ParseError::expecting_operator(token)),
        }
    }

    fn compare(&mut self, op: CompareOp, field: &Field) -> Result<Predicate, ParseError> {
        let token = self.peek();
        let takes_empty =
            matches!(op, CompareOp::Equals | CompareOp::NotEquals | CompareOp::Like | CompareOp::NotLike);
        if token.kind == TokenKind::Empty && !takes_empty {
            return Err(ParseError::expecting_operand(token));
        }
        let operand = self.single_operand(&op.to_string(), field)?;
        Ok(Predicate::Compare { op, operand })
    }

    fn is(&mut self) -> Result<Predicate, ParseError> {
        if self.peek().kind == TokenKind::Bang {
            return Err(ParseError::expecting_text("NOT", self.peek()));
        }
        let negated = self.eat(TokenKind::Not);
        match self.peek().kind {
            TokenKind::Empty => {
                self.advance();
                Ok(Predicate::Is { negated })
            }
            TokenKind::End => Err(ParseError::expecting_operand(self.peek())),
            _ => Err(ParseError::expecting_text("EMPTY", self.peek())),
        }
    }

    fn was(&mut self, field: &Field) -> Result<Predicate, ParseError> {
        let negated = self.eat(TokenKind::Not);
        let limits_times_and_users = |op| !matches!(op, HistoryOp::From | HistoryOp::To);
        if self.eat(TokenKind::In) {
            let operator = if negated { "was not in" } else { "was in" };
            let operand = self.list_or_function(operator, field)?;
            let predicates = self.history_predicates(limits_times_and_users)?;
            return Ok(Predicate::WasIn { negated, operand, predicates });
        }
        let operator = if negated { "was not" } else { "was" };
        let operand = self.single_operand(operator, field)?;
        let predicates = self.history_predicates(limits_times_and_users)?;
        Ok(Predicate::Was { negated, operand, predicates })
    }

    fn history_predicates(
        &mut self,
        is_allowed: impl Fn(HistoryOp) -> bool,
    ) -> Result<Vec<HistoryPredicate>, ParseError> {
        let mut predicates = Vec::new();
        while let Some(op) = history_op(self.peek().kind).filter(|op| is_allowed(*op)) {
            self.advance();
            predicates.push(HistoryPredicate { op, operand: self.operand()? });
        }
        Ok(predicates)
    }

    fn single_operand(&mut self, operator: &str, field: &Field) -> Result<Operand, ParseError> {
        match self.operand()? {
            list @ Operand::List(_) => {
                Err(ParseError::list_not_supported(operator, &list, &displayed(field)))
            }
            single => Ok(single),
        }
    }

    fn list_or_function(&mut self, operator: &str, field: &Field) -> Result<Operand, ParseError> {
        match self.operand()? {
            operand @ (Operand::List(_) | Operand::Function(_)) => Ok(operand),
            single => Err(ParseError::list_expected(operator, &single, &displayed(field))),
        }
    }

    fn operand(&mut self) -> Result<Operand, ParseError> {
        let token = self.peek();
        match token.kind {
            TokenKind::Empty => {
                self.advance();
                Ok(Operand::Empty)
            }
            TokenKind::LeftParenthesis => self.nested(Self::list),
            TokenKind::String | TokenKind::Number => {
                self.advance();
                if self.eat(TokenKind::LeftParenthesis) {
                    let arguments = self.arguments()?;
                    return Ok(Operand::Function(Function { name: token.text.clone(), arguments }));
                }
                Ok(Operand::Value(match token.kind {
                    TokenKind::Number => Value::Number(number(token)?),
                    _ => Value::String(token.text.clone()),
                }))
            }
            _ => Err(ParseError::expecting_operand(token)),
        }
    }

    /// The rest of a list, behind the opening parenthesis.
    fn list(&mut self) -> Result<Operand, ParseError> {
        let mut entries = vec![self.operand()?];
        while self.eat(TokenKind::Comma) {
            entries.push(self.operand()?);
        }
        self.expect(TokenKind::RightParenthesis, ")")?;
        Ok(Operand::List(entries))
    }

    /// The arguments of a function and what closes them, behind the opening parenthesis.
    fn arguments(&mut self) -> Result<Vec<String>, ParseError> {
        if self.eat(TokenKind::RightParenthesis) {
            return Ok(Vec::new());
        }
        if matches!(self.peek().kind, TokenKind::Comma | TokenKind::End) {
            return Err(ParseError::expecting_text(")", self.peek()));
        }
        let mut arguments = Vec::new();
        loop {
            let argument = self.string_or_number();
            arguments.push(argument.ok_or_else(|| ParseError::expecting_argument(self.peek()))?);
            if self.eat(TokenKind::RightParenthesis) {
                return Ok(arguments);
            }
            if !self.eat(TokenKind::Comma) {
                return Err(ParseError::expecting_end_of_arguments(self.peek()));
            }
        }
    }

    fn order_by(&mut self) -> Result<Vec<Sort>, ParseError> {
        self.advance();
        self.expect(TokenKind::By, "by")?;
        let mut sorts = Vec::new();
        loop {
            let field = self.field()?;
            let direction = self.direction();
            sorts.push(Sort { field, direction });
            match self.peek().kind {
                TokenKind::End => return Ok(sorts),
                TokenKind::Comma => self.advance(),
                _ if direction.is_some() => return Err(ParseError::expecting_text(",", self.peek())),
                _ => return Err(ParseError::expecting_direction(self.peek())),
            };
        }
    }

    fn direction(&mut self) -> Option<Direction> {
        let direction = match self.peek().kind {
            TokenKind::Ascending => Direction::Ascending,
            TokenKind::Descending => Direction::Descending,
            _ => return None,
        };
        self.advance();
        Some(direction)
    }
}

fn number(token: &Token) -> Result<i64, ParseError> {
    token.text.parse().map_err(|_| ParseError::illegal_number(token))
}

/// A field as Jira shows it in its sentences: a mere name without quotation marks.
fn displayed(field: &Field) -> String {
    match &field.name {
        FieldName::Name(name) if field.properties.is_empty() => name.clone(),
        _ => field.to_string(),
    }
}

fn compare_op(kind: TokenKind) -> Option<CompareOp> {
    Some(match kind {
        TokenKind::Equals => CompareOp::Equals,
        TokenKind::NotEquals => CompareOp::NotEquals,
        TokenKind::Like => CompareOp::Like,
        TokenKind::NotLike => CompareOp::NotLike,
        TokenKind::LessThan => CompareOp::LessThan,
        TokenKind::LessThanEquals => CompareOp::LessThanEquals,
        TokenKind::GreaterThan => CompareOp::GreaterThan,
        TokenKind::GreaterThanEquals => CompareOp::GreaterThanEquals,
        _ => return None,
    })
}

fn history_op(kind: TokenKind) -> Option<HistoryOp> {
    Some(match kind {
        TokenKind::Before => HistoryOp::Before,
        TokenKind::After => HistoryOp::After,
        TokenKind::On => HistoryOp::On,
        TokenKind::During => HistoryOp::During,
        TokenKind::By => HistoryOp::By,
        TokenKind::From => HistoryOp::From,
        TokenKind::To => HistoryOp::To,
        _ => return None,
    })
}
