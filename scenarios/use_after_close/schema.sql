create table orders (
    id integer generated always as identity primary key,
    customer text not null
);

create table mail (
    id integer generated always as identity primary key,
    recipient text not null
);
