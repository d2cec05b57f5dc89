create table orders (
    id integer generated always as identity primary key,
    item text not null,
    paid boolean not null
);

create table visit (
    id integer generated always as identity primary key,
    country text not null
);
