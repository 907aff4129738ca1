//! Inspection and rewriting of return types.

use syn::{
    GenericArgument, Path, PathArguments, PathSegment, Token, Type, TypeInfer, TypeParamBound,
    TypePath,
};

/// Returns what a future of this type yields: the `T` of `Pin<Box<dyn Future<Output = T>>>`, of
/// `impl Future<Output = T>` or of `BoxFuture<'_, T>`.
pub(crate) fn output_of_future(future: &Type) -> Option<&Type> {
    match future {
        Type::ImplTrait(future) => output_in_bounds(&future.bounds),
        Type::TraitObject(future) => output_in_bounds(&future.bounds),
        Type::Group(future) => output_of_future(&future.elem),
        Type::Paren(future) => output_of_future(&future.elem),
        Type::Path(future) => {
            let segment = future.path.segments.last()?;
            let mut types = type_arguments(segment);
            match segment.ident.to_string().as_str() {
                "Pin" | "Box" => output_of_future(types.next()?),
                "BoxFuture" | "LocalBoxFuture" => types.next(),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A part of a return type that runs only after the function has returned.
pub(crate) enum Deferred<'a> {
    Future(&'a Type),
    Stream(&'a Type),
}

/// Finds a future or a stream in a type, by its name. A function pointer and a closure only create one.
pub(crate) fn deferred(ty: &Type) -> Option<Deferred<'_>> {
    match ty {
        Type::ImplTrait(hidden) => deferred_in_bounds(ty, &hidden.bounds),
        Type::TraitObject(object) => deferred_in_bounds(ty, &object.bounds),
        Type::Path(path) => {
            let segments = &path.path.segments;
            let named = segments.last().filter(|_| !is_of_the_user(path));
            let named = named.and_then(|last| deferred_by_name(last, ty));
            named.or_else(|| segments.iter().find_map(deferred_in_arguments))
        }
        Type::Array(outer) => deferred(&outer.elem),
        Type::Group(outer) => deferred(&outer.elem),
        Type::Paren(outer) => deferred(&outer.elem),
        Type::Ptr(outer) => deferred(&outer.elem),
        Type::Reference(outer) => deferred(&outer.elem),
        Type::Slice(outer) => deferred(&outer.elem),
        Type::Tuple(outer) => outer.elems.iter().find_map(deferred),
        _ => None,
    }
}

fn deferred_in_bounds<'a>(
    ty: &'a Type,
    bounds: impl IntoIterator<Item = &'a TypeParamBound>,
) -> Option<Deferred<'a>> {
    bounds.into_iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else {
            return None;
        };
        let last = bound.path.segments.last()?;
        deferred_by_name(last, ty).or_else(|| deferred_in_arguments(last))
    })
}

fn deferred_in_arguments(segment: &PathSegment) -> Option<Deferred<'_>> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => deferred(ty),
        GenericArgument::AssocType(associated) => deferred(&associated.ty),
        _ => None,
    })
}

/// Whether a type that is named like a trait is one of the user's: neither `S::Future`, which an
/// implementation of a trait names, nor a trait object without `dyn`.
fn is_of_the_user(ty: &TypePath) -> bool {
    let mut backwards = ty.path.segments.iter().rev();
    let Some(last) = backwards.next() else {
        return false;
    };
    let is_boxed = last.ident.to_string().contains("Box");
    let is_type = |it: &PathSegment| it.ident.to_string().starts_with(char::is_uppercase);
    let is_associated = ty.qself.is_some() || backwards.next().is_some_and(is_type);
    let is_object = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => {
            let mut arguments = arguments.args.iter();
            arguments.any(|it| matches!(it, GenericArgument::AssocType(_)))
        }
        _ => false,
    };
    !(is_boxed || is_associated || is_object)
}

fn deferred_by_name<'a>(segment: &PathSegment, ty: &'a Type) -> Option<Deferred<'a>> {
    match segment.ident.to_string().as_str() {
        "Future" | "IntoFuture" | "FusedFuture" | "TryFuture" | "BoxFuture" | "LocalBoxFuture" => {
            Some(Deferred::Future(ty))
        }
        "Stream" | "FusedStream" | "TryStream" | "AsyncIterator" | "BoxStream"
        | "LocalBoxStream" => Some(Deferred::Stream(ty)),
        _ => None,
    }
}

/// Returns a type without the parentheses and the invisible groups around it, in which
/// `macro_rules!` passes it on.
pub(crate) fn ungrouped(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            _ => return ty,
        };
    }
}

/// Replaces every `impl Trait` in a type by `_`, so that the type can be written in a body.
pub(crate) fn erase_impl_trait(mut ty: Type) -> Type {
    erase(&mut ty);
    ty
}

fn output_in_bounds<'a>(bounds: impl IntoIterator<Item = &'a TypeParamBound>) -> Option<&'a Type> {
    bounds.into_iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else {
            return None;
        };
        let PathArguments::AngleBracketed(arguments) = &bound.path.segments.last()?.arguments
        else {
            return None;
        };
        arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(output) if output.ident == "Output" => Some(&output.ty),
            _ => None,
        })
    })
}

fn type_arguments(segment: &PathSegment) -> impl Iterator<Item = &Type> {
    let arguments = match &segment.arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    };
    arguments
        .into_iter()
        .flatten()
        .filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        })
}

fn erase(ty: &mut Type) {
    match ty {
        Type::ImplTrait(hidden) => {
            let underscore_token = Token![_](hidden.impl_token.span);
            *ty = Type::Infer(TypeInfer {
                attrs: Vec::new(),
                underscore_token,
            });
        }
        Type::Array(outer) => erase(&mut outer.elem),
        Type::Group(outer) => erase(&mut outer.elem),
        Type::Paren(outer) => erase(&mut outer.elem),
        Type::Path(outer) => erase_in_path(&mut outer.path),
        Type::Ptr(outer) => erase(&mut outer.elem),
        Type::Reference(outer) => erase(&mut outer.elem),
        Type::Slice(outer) => erase(&mut outer.elem),
        Type::TraitObject(outer) => outer.bounds.iter_mut().for_each(|bound| {
            if let TypeParamBound::Trait(bound) = bound {
                erase_in_path(&mut bound.path);
            }
        }),
        Type::Tuple(outer) => outer.elems.iter_mut().for_each(erase),
        _ => {}
    }
}

fn erase_in_path(path: &mut Path) {
    for segment in &mut path.segments {
        if let PathArguments::AngleBracketed(arguments) = &mut segment.arguments {
            for argument in &mut arguments.args {
                match argument {
                    GenericArgument::Type(ty) => erase(ty),
                    GenericArgument::AssocType(associated) => erase(&mut associated.ty),
                    _ => {}
                }
            }
        }
    }
}
