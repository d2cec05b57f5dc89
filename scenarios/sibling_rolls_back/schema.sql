create table orders (
    id integer generated always as identity primary key,
    item text not null,
    paid boolean not null
);

create table redemption (
    code text primary key
);

insert into redemption values ('WELCOME');
